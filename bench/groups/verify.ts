import type { Bench, Group, Row } from './bench.ts';

const verifiers = ['guard, cached', 'guard, uncached', 'jose', 'node:crypto'] as const;

/** Measures verifications by the guard, cached and uncached, compared with the signature only. One group per algorithm. */
export async function verify(bench: Bench): Promise<Group[]> {
  const groups: Group[] = [];
  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
    const rows: Row[] = [];
    for (const by of verifiers) {
      const spec = { kind: 'verify', alg, by } as const;
      rows.push({ name: names[by], figures: await bench.measure(spec, [], 4, { warmUp: 0.5, seconds: 1.5 }) });
    }
    groups.push({ title: `Verification of an access token, ${alg}`, operations: 'tokens', baseline: names.jose, rows });
  }
  return groups;
}

const names: Record<(typeof verifiers)[number], string> = {
  'guard, cached': 'guard, cached token',
  'guard, uncached': 'guard, new token',
  jose: 'jose, signature only',
  'node:crypto': 'node:crypto (OpenSSL), signature only',
};
