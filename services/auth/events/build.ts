import { serveEvents } from '#kit/events/serve.ts';
import type { Ground } from '../ground.ts';
import { produces } from './store.ts';

/** Builds the room `events`: the event log of the auth service. */
export function buildEvents({ config, db }: Ground) {
  const { mounted, ...log } = serveEvents({ db, schema: 'auth', produces, keep: config.eventsRetention });
  return { ...log, mounted: [mounted] };
}
