import { availableParallelism } from 'node:os';
import { startAll } from '../server/systems.ts';
import type { Comparison } from './bench.ts';
import { argon2Memory, argon2Passes, signIn, startBetterAuth, startMonolith } from './peers.ts';
import { createPeople, password } from './people.ts';

const chains = 8;
const baseline = 'raw Argon2id hash';

/** Sign-ins over REST, compared with their password hash and with other systems. */
export const login: Comparison = {
  title: `POST /api/v1/auth/login (Argon2id, ${argon2Memory / 1_024} MiB, ${argon2Passes} passes)`,
  operations: 'logins',
  baselines: [baseline],
  peers: true,
  async start(bench, tree) {
    const { edge, processes, place } = await startAll(await bench.place('login', tree), 'warn');
    const emails = (await createPeople(edge, chains)).map(({ email }) => email);
    const url = `${edge}/api/v1/auth/login`;
    return {
      cases: [
        {
          name: 'Signet, one process',
          load: { spec: { kind: 'login', url, emails, password }, chains },
          servers: processes,
          database: place.database,
        },
      ],
      others: async () => [
        {
          name: baseline,
          // As many at once as the auth service hashes: one per core.
          load: {
            spec: { kind: 'raw-hash', memory: argon2Memory, passes: argon2Passes },
            chains: availableParallelism(),
          },
          servers: [],
        },
        signIn(
          'better-auth, the same Argon2id',
          '/api/auth/sign-in/email',
          'token',
          await startBetterAuth(bench, chains, 'argon2id'),
        ),
        signIn(
          'better-auth, its default scrypt',
          '/api/auth/sign-in/email',
          'token',
          await startBetterAuth(bench, chains),
        ),
        signIn(
          'Express, jsonwebtoken (HS256), bcrypt with cost 10',
          '/login',
          'access_token',
          await startMonolith(bench, chains),
        ),
      ],
    };
  },
};
