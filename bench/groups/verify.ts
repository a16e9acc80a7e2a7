import type { Bench, Group, Row } from './bench.ts';

const ways = ['guard, remembered', 'guard, anew', 'jose', 'node:crypto'] as const;

/** Verifications by the guard, remembered and anew, against the signature alone. One group an algorithm. */
export async function verify(bench: Bench): Promise<Group[]> {
  const groups: Group[] = [];
  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
    const rows: Row[] = [];
    for (const by of ways) {
      const spec = { kind: 'verify', alg, by } as const;
      rows.push({ name: names[by], figures: await bench.measure(spec, [], 4, { warmUp: 0.5, seconds: 1.5 }) });
    }
    groups.push({ title: `Verification of an access token, ${alg}`, operations: 'tokens', baseline: names.jose, rows });
  }
  return groups;
}

const names: Record<(typeof ways)[number], string> = {
  'guard, remembered': 'guard, a token that it has seen',
  'guard, anew': 'guard, a new token',
  jose: 'jose, the signature alone',
  'node:crypto': 'node:crypto (OpenSSL), the signature alone',
};
