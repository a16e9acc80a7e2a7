import type { Case } from '../measure/measure.ts';
import { startAll } from '../server/systems.ts';
import type { Tree } from '../server/tree.ts';
import type { Bench, Comparison } from './bench.ts';
import { startOidcProvider } from './peers.ts';
import { createPeople } from './people.ts';

const chains = 16;
const baseline = 'raw UPDATE ... RETURNING and RS256 signature';

/** Refreshes over REST, sequential per session, compared with the minimal work of a refresh and with oidc-provider. */
export const refresh: Comparison = {
  title: 'POST /api/v1/auth/refresh',
  operations: 'refreshes',
  baselines: [baseline],
  peers: true,
  async start(bench, tree) {
    const rs256 = await signet(bench, tree, 'RS256');
    return {
      cases: [rs256.one, (await signet(bench, tree, 'EdDSA')).one],
      others: async () => [...(await raw(rs256)), await oidcProvider(bench)],
    };
  },
};

async function signet(bench: Bench, tree: Tree, algorithm: string) {
  const { environment, ...place } = await bench.place('refresh', tree);
  const system = await startAll({ ...place, environment: { ...environment, SIGNET_ALG: algorithm } }, 'warn');
  const refreshTokens = (await createPeople(system.edge, chains)).map((person) => person.refreshToken);
  const spec = { kind: 'refresh', url: `${system.edge}/api/v1/auth/refresh`, refreshTokens } as const;
  const { database } = place;
  const one: Case = {
    name: `Signet, one process, ${algorithm}`,
    load: { spec, chains },
    servers: system.processes,
    database,
  };
  return { system, one };
}

/** The raw work changes separate sessions: those of the refreshes would no longer match their tokens. */
async function raw({ system, one }: Awaited<ReturnType<typeof signet>>): Promise<Case[]> {
  const { database, environment } = system.place;
  const people = await createPeople(system.edge, chains, 'raw');
  const sessions = people.map(({ refreshToken }) => refreshToken.split('.')[1] ?? '');
  const spec = { kind: 'raw-refresh', databaseUrl: environment['DATABASE_URL'] ?? '', sessions, signs: true } as const;
  const of = (name: string, updates: boolean): Case => ({
    ...one,
    name,
    load: { spec: { ...spec, updates }, chains },
    servers: [],
    database,
  });
  return [of(baseline, true), of('raw RS256 signature only', false)];
}

async function oidcProvider(bench: Bench): Promise<Case> {
  const { child, origin, database } = await startOidcProvider(bench, {});
  const refreshTokens = (await (await fetch(`${origin}/bench/refresh-tokens/${chains}`)).json()) as string[];
  const form = { grant_type: 'refresh_token', client_id: 'app' };
  return {
    name: 'oidc-provider, in memory, RS256',
    load: { spec: { kind: 'refresh', url: `${origin}/token`, refreshTokens, form }, chains },
    servers: [child],
    database,
  };
}
