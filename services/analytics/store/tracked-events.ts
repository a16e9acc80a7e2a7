import type { Transactional } from '#kit/store/statements.ts';
import type { TrackingStore } from '../domain/tracking.ts';
import { addActivity } from './read-models.ts';
import { visitorsOf } from './visitors.ts';

/** Creates the store of tracked events in PostgreSQL. */
export function createTrackingStore(db: Transactional): TrackingStore {
  return {
    async insert(userId, events) {
      const given = events.map(({ at, ...event }) => ({ ...event, at: at.toISOString() }));
      const [row] = await db.$queryRaw<{ count: number }[]>`
        WITH ${visitorsOf([userId])}, taken AS (
          INSERT INTO analytics.tracked_events (id, visitor, name, at, properties)
          SELECT g.id, v.id, g.name, g.at, g.properties
          FROM jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
              AS g (id uuid, name text, at timestamptz, properties jsonb)
            CROSS JOIN visitor v
          RETURNING at, visitor
        ), active AS (${addActivity})
        SELECT count(*)::int AS count FROM taken`;
      return row?.count === events.length;
    },
  };
}
