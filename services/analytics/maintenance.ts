import type { Database } from '#kit/db/database.ts';
import { rebuild, type Rebuilt } from './store/rebuild.ts';

/** Rebuilds the read models of the analytics service in its database. The service may run meanwhile. */
export function rebuildReadModels({ statements }: Pick<Database, 'statements'>): Promise<Rebuilt> {
  return rebuild(statements);
}
