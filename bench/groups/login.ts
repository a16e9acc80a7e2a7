import { availableParallelism } from 'node:os';
import { keys } from '../../services/auth/config.ts';
import { startAll } from '../server/systems.ts';
import type { Bench, Group } from './bench.ts';
import { createPeople, password } from './people.ts';

const chains = 8;

/** Measures sign-ins over REST, compared with their password hash. */
export async function login(bench: Bench): Promise<Group> {
  const place = await bench.place('login');
  const system = await startAll(place, 'warn');
  const emails = (await createPeople(system.edge, chains)).map(({ email }) => email);
  const url = `${system.edge}/api/v1/auth/login`;
  const ours = await bench.measure({ kind: 'login', url, emails, password }, system.processes, chains);
  await system.stop();
  const [memory, passes] = [Number(keys.argon2Memory.default), Number(keys.argon2Passes.default)];
  // As many at once as the auth service hashes: one per core.
  const hashes = await bench.measure({ kind: 'raw-hash', memory, passes }, [], availableParallelism());
  return {
    title: `POST /api/v1/auth/login (Argon2id, ${memory / 1_024} MiB, ${passes} passes)`,
    operations: 'logins',
    baseline: 'raw Argon2id hash',
    rows: [
      { name: 'Signet, one process', figures: ours },
      { name: 'raw Argon2id hash', figures: hashes },
    ],
  };
}
