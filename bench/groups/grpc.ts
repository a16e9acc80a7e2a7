import type { Spec } from '../load/work.ts';
import { startAll, startCompared } from '../server/systems.ts';
import type { Bench, Group } from './bench.ts';
import { createPeople } from './people.ts';

const chains = 16;

/** Measures GetProfile over gRPC directly at the user service, compared with plain grpc-js. */
export async function grpc(bench: Bench): Promise<Group> {
  const place = await bench.place('grpc');
  const system = await startAll(place, 'warn');
  const people = await createPeople(system.edge, chains);
  const tokens = people.map(({ accessToken }) => accessToken);
  const spec = (target: string, client: 'grpc-js' | 'http2'): Spec => ({
    kind: 'profile-grpc',
    target,
    tokens,
    client,
  });
  const byHand = await bench.measure(spec(system.user, 'http2'), system.processes, chains);
  const byGrpcJs = await bench.measure(spec(system.user, 'grpc-js'), system.processes, chains);
  await system.stop();
  const plain = await startCompared(place, 'bare-grpc', { USER_ID: people[0]?.id ?? '' });
  const bare = await bench.measure(spec(plain.address, 'http2'), [plain.child], chains);
  await plain.child.stop();
  return {
    title: 'GetProfile over gRPC, directly at the user service',
    operations: 'calls',
    baseline: 'plain grpc-js, no guard',
    rows: [
      { name: 'Signet', figures: byHand },
      { name: 'Signet, with the grpc-js client', figures: byGrpcJs },
      { name: 'plain grpc-js, no guard', figures: bare },
    ],
  };
}
