import { startAll } from '../server/systems.ts';
import type { Case } from '../measure/measure.ts';
import type { Comparison } from './bench.ts';
import { createPeople, password } from './people.ts';

/** Operations per second, which the machine does with half of its cores: latencies at its limit are queueing time. */
const [reads, logins] = [300, 25];
const chains = 16;
const baseline = `${reads} reads a second`;

/** The latency of reads and the delay of the event loop at a given rate, with and without sign-ins beside the reads. */
export const mixed: Comparison = {
  title: 'GET /api/v1/users/profile at a given rate, with sign-ins beside it',
  operations: 'reads',
  baselines: [baseline],
  compares: 'p99',
  effort: { warmUp: 2, seconds: 2 },
  async start(bench, tree) {
    const { edge, processes, place } = await startAll(await bench.place('mixed', tree), 'warn');
    const people = await createPeople(edge, chains);
    const headers = people.map(({ accessToken }) => ({ authorization: `Bearer ${accessToken}` }));
    // Other accounts: an account has at most 20 sessions, and sign-ins end the earlier ones.
    const emails = (await createPeople(edge, chains, 'signing-in-')).map(({ email }) => email);
    const read: Omit<Case, 'name'> = {
      load: {
        spec: { kind: 'profile-rest', url: `${edge}/api/v1/users/profile`, headers },
        chains,
        rate: reads,
      },
      servers: processes,
      database: place.database,
      delays: true,
    };
    const signIns = { kind: 'login', url: `${edge}/api/v1/auth/login`, emails, password } as const;
    return {
      cases: [
        { name: baseline, ...read },
        {
          name: `the same, with ${logins} sign-ins a second beside them`,
          ...read,
          beside: { spec: signIns, chains: 8, rate: logins },
        },
      ],
    };
  },
};
