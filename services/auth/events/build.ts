import { openBus } from '#kit/events/nats/bus.ts';
import { serveEvents } from '#kit/events/serve.ts';
import type { Ground } from '../ground.ts';
import { produces } from './store.ts';

/** Builds the room `events`: the event log of the auth service. */
export function buildEvents({ config, statements, log }: Ground) {
  const { mounted, work, heard, relay, close } = serveEvents({
    db: statements,
    schema: 'auth',
    produces,
    keep: config.eventsRetention,
  });
  const bus = config.natsUrl && openBus(config.natsUrl, log);
  return {
    mounted: [mounted],
    work: bus ? [...work, relay(bus)] : work,
    heard,
    async close() {
      close();
      await bus?.close();
    },
  };
}
