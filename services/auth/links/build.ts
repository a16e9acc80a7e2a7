import { outsideCalls } from '#kit/call/call.ts';
import { sweeping } from '#kit/work/sweep.ts';
import type { Ground } from '../ground.ts';
import { createLinks } from './rules.ts';
import { createLinkStore, expiredLinks } from './store.ts';

/** Builds the room `links`: links that the notification service sends by mail. */
export function buildLinks({ db, statements, log }: Ground) {
  const store = createLinkStore(db);
  const links = createLinks({ store, log, background: outsideCalls });
  return { store, links, work: [sweeping(statements, 'auth', 'links', expiredLinks)], close: links.idle };
}
