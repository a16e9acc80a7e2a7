import { serveEvents } from '#kit/events/serve.ts';
import type { Ground } from '../ground.ts';
import { produces } from './store.ts';

/** Builds the room `events`: the event log of the auth service. */
export async function buildEvents({ config, statements, log }: Ground) {
  const { mounted, work, heard, relay, close } = serveEvents({
    db: statements,
    schema: 'auth',
    produces,
    keep: config.eventsRetention,
  });
  const bus = config.natsUrl && (await import('#kit/events/nats/bus.ts')).openBus(config.natsUrl, log);
  return {
    mounted: [mounted],
    work: bus ? [...work, await relay(bus)] : work,
    heard,
    async close() {
      close();
      await bus?.close();
    },
  };
}
