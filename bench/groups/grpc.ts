import type { Case } from '../measure/measure.ts';
import { startAll, startCompared } from '../server/systems.ts';
import type { Comparison } from './bench.ts';
import { createPeople } from './people.ts';

const chains = 16;

/** GetProfile over gRPC directly at the user service, compared with plain grpc-js. */
export const grpc: Comparison = {
  title: 'GetProfile over gRPC, directly at the user service',
  operations: 'calls',
  baselines: ['plain grpc-js and pg, no guard', 'plain grpc-js and Prisma, no guard'],
  async start(bench, tree) {
    const { edge, user, processes, place } = await startAll(await bench.place('grpc', tree), 'warn');
    const people = await createPeople(edge, chains);
    const tokens = people.map(({ accessToken }) => accessToken);
    const one = (
      name: string,
      target: string,
      servers: Case['servers'],
      client: 'grpc-js' | 'http2' = 'http2',
    ): Case => ({
      name,
      load: { spec: { kind: 'profile-grpc', target, tokens, client }, chains },
      servers,
      database: place.database,
    });
    const compared = async (name: string, file: string, more: Readonly<Record<string, string>>) => {
      const environment = { ...place.environment, USER_ID: people[0]?.id ?? '', KEYS_AT: edge, ...more };
      const { child, address } = await startCompared(`bench/compare/${file}.ts`, environment, place.dir);
      return one(name, address, [child]);
    };
    return {
      cases: [one('Signet', user, processes), one('Signet, with the grpc-js client', user, processes, 'grpc-js')],
      others: async () => [
        await compared("Signet's stack, the same handler, guarded", 'guarded', { READ_BY: 'pg', ACCESS: 'guarded' }),
        await compared("Signet's stack, the same handler, public", 'guarded', { READ_BY: 'pg', ACCESS: 'public' }),
        await compared('plain grpc-js and pg, no guard', 'bare-grpc', { READ_BY: 'pg' }),
        await compared('plain grpc-js and Prisma, no guard', 'bare-grpc', { READ_BY: 'prisma' }),
      ],
    };
  },
};
