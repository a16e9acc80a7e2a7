import { Prisma } from '#gen/prisma/ride/client.ts';
import { cellsAround } from '../domain/cells.ts';
import { earthRadius } from '../domain/fares.ts';
import type { Position } from '../domain/ride.ts';
import { rideColumns } from './rows.ts';

/** Rides in a list of open rides. */
export const openRides = 50;

/**
 * Returns the statement of the open rides within a radius, nearest first. The candidates are in the cells around the
 * position, ranges of the partial index on `cell`; for PostgreSQL to use it, the state is a literal.
 * @param radius meters
 */
export function openSql(center: Position, radius: number, raiderId: string): Prisma.Sql {
  const { first, last } = cellsAround(center, radius);
  const north = Prisma.sql`sin(radians(r.pickup_latitude - ${center.latitude}::float8) / 2)`;
  const east = Prisma.sql`sin(radians(r.pickup_longitude - ${center.longitude}::float8) / 2)`;
  const narrowing = Prisma.sql`cos(radians(${center.latitude}::float8)) * cos(radians(r.pickup_latitude))`;
  return Prisma.sql`
    SELECT ${rideColumns} FROM (
      SELECT r.*, ${2 * earthRadius}::float8 * asin(least(1, sqrt(${north} ^ 2 + ${narrowing} * ${east} ^ 2))) AS meters
      FROM unnest(${[...first]}::int[], ${[...last]}::int[]) AS cells (first, last)
      CROSS JOIN LATERAL (
        SELECT * FROM ride.rides
        WHERE state = 'requested' AND cell BETWEEN cells.first AND cells.last
          AND expires_at > now() AND user_id <> ${raiderId}::uuid
      ) AS r
    ) AS r
    WHERE meters <= ${radius}::float8 ORDER BY meters, id LIMIT ${openRides}`;
}
