import { startAll } from '../server/systems.ts';
import type { Bench, Group } from './bench.ts';
import { createPeople } from './people.ts';

const chains = 16;

/** Measures refreshes over REST, sequential per session, compared with the minimal work of a refresh. */
export async function refresh(bench: Bench): Promise<Group> {
  const place = await bench.place('refresh');
  const system = await startAll(place, 'warn');
  const refreshTokens = (await createPeople(system.edge, chains)).map((person) => person.refreshToken);
  const url = `${system.edge}/api/v1/auth/refresh`;
  const ours = await bench.measure({ kind: 'refresh', url, refreshTokens }, system.processes, chains);
  await system.stop();

  const sessions = refreshTokens.map((token) => token.split('.')[1] ?? '');
  const databaseUrl = place.environment['DATABASE_URL'] ?? '';
  const raw = { kind: 'raw-refresh', databaseUrl, sessions } as const;
  return {
    title: 'POST /api/v1/auth/refresh, RS256',
    operations: 'refreshes',
    baseline: 'raw UPDATE ... RETURNING and RS256 signature',
    rows: [
      { name: 'Signet, one process', figures: ours },
      {
        name: 'raw UPDATE ... RETURNING and RS256 signature',
        figures: await bench.measure({ ...raw, signs: true, updates: true }, [], chains),
      },
      {
        name: 'raw RS256 signature only',
        figures: await bench.measure({ ...raw, signs: true, updates: false }, [], chains, { warmUp: 1, seconds: 3 }),
      },
    ],
  };
}
