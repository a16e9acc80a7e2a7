import type { Bench, Group } from './bench.ts';

const verifiers = ['guard, cached', 'guard, uncached', 'jose', 'node:crypto'] as const;

/** Measures verifications by the guard, cached and uncached, compared with the signature only. One group per algorithm. */
export async function verify(bench: Bench): Promise<Group[]> {
  const groups: Group[] = [];
  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
    const cases = verifiers.map((by) => ({
      name: names[by],
      load: { spec: { kind: 'verify', alg, by } as const, chains: 4 },
      servers: [],
    }));
    const rows = await bench.measure(cases, { warmUp: 0.5, seconds: 0.3 });
    const title = `Verification of an access token, ${alg}`;
    groups.push({ title, operations: 'tokens', baselines: [names.jose], rows });
  }
  return groups;
}

const names: Record<(typeof verifiers)[number], string> = {
  'guard, cached': 'guard, cached token',
  'guard, uncached': 'guard, new token',
  jose: 'jose, signature only',
  'node:crypto': 'node:crypto (OpenSSL), signature only',
};
