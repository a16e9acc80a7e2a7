import { Prisma } from '#gen/prisma/ride/client.ts';
import { cellsAround } from '../domain/cells.ts';
import { earthRadius } from '../domain/fares.ts';
import type { Position } from '../domain/ride.ts';
import { rideColumns } from './rows.ts';

/** Rides in a list of open rides. */
export const openRides = 50;

/** Radius that is searched first, meters: in a city, it has enough rides, and the whole radius may have very many. */
const nearRadius = 1_000;

/**
 * Returns the statement of the open rides within a radius, nearest first.
 * @param radius meters
 */
export function openSql(center: Position, radius: number, raiderId: string): Prisma.Sql {
  const isEnough = Prisma.sql`(SELECT count(*) FROM near) = ${openRides}`;
  return Prisma.sql`
    WITH near AS MATERIALIZED (${within(center, Math.min(radius, nearRadius), raiderId, Prisma.sql`true`)}),
    far AS (${within(center, radius, raiderId, Prisma.sql`NOT ${isEnough}`)}),
    found AS (SELECT * FROM near WHERE ${isEnough} UNION ALL SELECT * FROM far)
    SELECT ${rideColumns} FROM found AS r ORDER BY meters, id`;
}

/**
 * The open rides within a radius. The candidates are in the cells around the position, which are ranges of the partial
 * index on `cell`; for PostgreSQL to use it, the state is a literal. OFFSET keeps PostgreSQL from looking at all open
 * rides first and at the cells afterwards.
 */
function within(center: Position, radius: number, raiderId: string, condition: Prisma.Sql): Prisma.Sql {
  const { first, last } = cellsAround(center, radius);
  const north = Prisma.sql`sin(radians(r.pickup_latitude - ${center.latitude}::float8) / 2)`;
  const east = Prisma.sql`sin(radians(r.pickup_longitude - ${center.longitude}::float8) / 2)`;
  const narrowing = Prisma.sql`cos(radians(${center.latitude}::float8)) * cos(radians(r.pickup_latitude))`;
  return Prisma.sql`
    SELECT * FROM (
      SELECT r.*, ${2 * earthRadius}::float8 * asin(least(1, sqrt(${north} ^ 2 + ${narrowing} * ${east} ^ 2))) AS meters
      FROM unnest(${[...first]}::int[], ${[...last]}::int[]) AS cells (first, last)
      CROSS JOIN LATERAL (
        SELECT * FROM ride.rides
        WHERE state = 'requested' AND cell BETWEEN cells.first AND cells.last
        OFFSET 0
      ) AS r
      WHERE r.expires_at > now() AND r.user_id <> ${raiderId}::uuid
    ) AS r
    WHERE meters <= ${radius}::float8 AND ${condition} ORDER BY meters, id LIMIT ${openRides}`;
}
