import type { DescService } from '@bufbuild/protobuf';
import { setTimeout } from 'node:timers/promises';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import type { Need } from '#kit/guard/trouble.ts';
import { mount, type Mounted } from '#kit/call/app.ts';

/** What keeps a service from working, in a word that is safe to show. */
export type Obstacle = Need | 'database';

/** Tells what keeps a service from working; undefined where it can. `/ready` and grpc.health.v1 answer from it. */
export type Ready = () => Promise<Obstacle | undefined>;

/** How often a watcher is told of a change at the latest, ms. */
const watchEvery = 1_000;

/** grpc.health.v1 for services that are all ready together, named or as a whole (""). */
export function healthOf(services: readonly DescService[], ready: Ready): Mounted {
  const known = new Set(['', ...services.map((service) => service.typeName)]);
  const statusOf = async () => ((await ready()) === undefined ? Serving.SERVING : Serving.NOT_SERVING);
  return mount(Health, {
    async check({ service }) {
      if (!known.has(service)) throw failure('NOT_FOUND');
      return { status: await statusOf() };
    },
    async list() {
      const status = await statusOf();
      return { statuses: Object.fromEntries([...known].map((service) => [service, { status }])) };
    },
    async *watch({ service }, { signal }) {
      let last: Serving | undefined;
      while (!signal.aborted) {
        const status = known.has(service) ? await statusOf() : Serving.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
        // Rejects when the watcher leaves, and the loop is over.
        await setTimeout(watchEvery, undefined, { signal }).catch(() => undefined);
      }
    },
  });
}
