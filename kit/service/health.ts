import type { DescService } from '@bufbuild/protobuf';
import { setTimeout } from 'node:timers/promises';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import type { Need } from '#kit/guard/trouble.ts';
import { mount, type Mounted } from '#kit/call/app.ts';

/** What a service is missing, as a word that is safe to show to clients. */
export type Obstacle = Need | 'database' | 'events' | 'draining';

/** Returns what a service is missing; undefined if it is ready. Used by `/ready` and grpc.health.v1. */
export type Ready = () => Promise<Obstacle | undefined>;

/** Returns a readiness that ends when the process begins to stop. */
export function untilDraining(ready: Ready, draining: AbortSignal | undefined): Ready {
  return async () => (draining?.aborted ? 'draining' : ready());
}

/** Polling interval of `Watch`, ms. */
const watchEvery = 1_000;

/** Creates grpc.health.v1. All services, and the process as a whole (""), have the same status. */
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
        // Rejects when the watcher disconnects, which ends the loop.
        await setTimeout(watchEvery, undefined, { signal }).catch(() => undefined);
      }
    },
  });
}
