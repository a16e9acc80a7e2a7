import { type Sql, sql } from '#kit/store/sql.ts';
import { cellsAround } from '../domain/cells.ts';
import { earthRadius } from '../domain/fares.ts';
import type { Position } from '../domain/ride.ts';
import { rideColumns } from './rows.ts';

/** Rides in a list of open rides. */
export const openRides = 50;

/** Radius that is searched first, meters. */
const firstRadius = 1_000;

/**
 * Returns the radii to search, meters: each is twice the one before, up to the wanted one. The first with enough rides
 * suffices. The whole radius may have very many rides, when a few streets have enough.
 */
export function radiiUpTo(radius: number): number[] {
  const radii: number[] = [];
  for (let next = firstRadius; next < radius; next *= 2) radii.push(next);
  return [...radii, radius];
}

/**
 * Returns the statement of the open rides within a radius, nearest first. The candidates are in the cells around the
 * position, which are ranges of the partial index on `cell`; for PostgreSQL to use it, the state is a literal. OFFSET keeps
 * PostgreSQL from looking at all open rides first and at the cells afterwards. Only the rows of the list are read whole.
 * @param radius meters
 */
export function openSql(center: Position, radius: number, raiderId: string): Sql {
  const { first, last } = cellsAround(center, radius);
  const north = sql`sin(radians(c.pickup_latitude - ${center.latitude}::float8) / 2)`;
  const east = sql`sin(radians(c.pickup_longitude - ${center.longitude}::float8) / 2)`;
  const narrowing = sql`cos(radians(${center.latitude}::float8)) * cos(radians(c.pickup_latitude))`;
  return sql`
    WITH nearest AS (
      SELECT id, meters FROM (
        SELECT c.id, ${2 * earthRadius}::float8 * asin(least(1, sqrt(${north} ^ 2 + ${narrowing} * ${east} ^ 2))) AS meters
        FROM unnest(${[...first]}::int[], ${[...last]}::int[]) AS cells (first, last)
        CROSS JOIN LATERAL (
          SELECT id, user_id, pickup_latitude, pickup_longitude, expires_at FROM ride.rides
          WHERE state = 'requested' AND cell BETWEEN cells.first AND cells.last
          OFFSET 0
        ) AS c
        WHERE c.expires_at > now() AND c.user_id <> ${raiderId}::uuid
      ) AS candidate
      WHERE meters <= ${radius}::float8 ORDER BY meters, id LIMIT ${openRides}
    )
    SELECT ${rideColumns} FROM nearest JOIN ride.rides AS r USING (id) ORDER BY nearest.meters, r.id`;
}
