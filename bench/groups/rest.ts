import { startAll, startCompared, startFleet, type System } from '../server/systems.ts';
import type { Case } from '../measure/measure.ts';
import type { Comparison } from './bench.ts';
import { createPeople, type Person } from './people.ts';
import { ownProfile, startBetterAuth, startMonolith } from './peers.ts';

const chains = 16;

/** GET profile over REST through the edge, compared with plain Fastify and with other ways to authenticate. */
export const rest: Comparison = {
  title: 'GET /api/v1/users/profile over REST',
  operations: 'requests',
  baselines: ['plain Fastify and pg, no guard', 'plain Fastify and Prisma, no guard'],
  peers: true,
  async start(bench, tree) {
    const system = await startAll(await bench.place('rest', tree), 'warn');
    const people = await createPeople(system.edge, chains);
    return {
      cases: [
        profileCase('Signet, one process', system, people),
        await signet('Signet, one process, access log on', await startAll(await bench.place('rest', tree), 'info')),
        await signet(
          'Signet, edge and user service in separate processes',
          await startFleet(await bench.place('rest', tree), 'warn'),
        ),
      ],
      others: async () => [
        ...(await plain(system, people)),
        ownProfile('Express, jsonwebtoken (HS256) and pg', '/profile', await startMonolith(bench, chains)),
        ownProfile('better-auth, session in PostgreSQL', '/api/auth/get-session', await startBetterAuth(bench, chains)),
      ],
    };
  },
};

async function signet(name: string, system: System): Promise<Case> {
  return profileCase(name, system, await createPeople(system.edge, chains));
}

function profileCase(name: string, { edge, processes, place }: System, people: readonly Person[]): Case {
  return caseOf(name, `${edge}/api/v1/users/profile`, processes, place.database, people);
}

function caseOf(
  name: string,
  url: string,
  servers: Case['servers'],
  database: string,
  people: readonly Person[],
): Case {
  const headers = people.map(({ accessToken }) => ({ authorization: `Bearer ${accessToken}` }));
  return { name, load: { spec: { kind: 'profile-rest', url, headers }, chains }, servers, database };
}

/** Starts servers that read the profiles of a running Signet's database; those that verify tokens verify Signet's. */
async function plain({ place, edge }: System, people: readonly Person[]): Promise<Case[]> {
  const environment = {
    DATABASE_URL: place.environment['DATABASE_URL'] ?? '',
    USER_ID: people[0]?.id ?? '',
    ISSUER: 'http://localhost:8080',
    AUDIENCE: 'signet',
    KEYS_AT: edge,
  };
  const start = (file: string, more = {}) => startCompared(file, { ...environment, ...more }, place.dir);
  const one = async (name: string, file: string, more = {}) => {
    const { child, origin } = await start(file, more);
    return caseOf(name, `${origin}/profile`, [child], place.database, people);
  };
  const keys = await start('bench/peers/seed-auth.mjs');
  const seed = await start('bench/peers/seed-user.mjs', { KEY_URL: `${keys.origin}/public-key` });
  return [
    await one('plain Fastify and pg, no guard', 'bench/compare/bare-fastify.ts', { READ_BY: 'pg' }),
    await one('plain Fastify and Prisma, no guard', 'bench/compare/bare-fastify.ts', { READ_BY: 'prisma' }),
    caseOf(
      'Express, jsonwebtoken and pg; axios fetches the key for every request',
      `${seed.origin}/profile`,
      [seed.child, keys.child],
      place.database,
      people,
    ),
    await one('Fastify, @fastify/jwt, get-jwks and pg', 'bench/peers/fastify-jwt.mjs'),
  ];
}
