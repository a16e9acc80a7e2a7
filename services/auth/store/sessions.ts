import { Secret } from '#kit/log/secret.ts';
import { networkOf } from '#kit/net/network.ts';
import type {
  NewSession,
  PresentedToken,
  Refreshed,
  Session,
  SessionLimits,
  SessionStore,
  SignedIn,
  User,
} from '../domain/model.ts';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { toUser, type UserRow } from './users.ts';

/** Columns of a session and its user, as the statements below select them. */
interface Row extends UserRow {
  session_id: string;
  client_id: string;
  counter: number;
  secret: Uint8Array<ArrayBuffer>;
  auth_time: Date;
  amr: string[];
  expires_at: Date;
  at: Date;
  tokens_from: Date | null;
}

const columns = Prisma.sql`
  s.id AS session_id, s.client_id, s.counter, s.secret, s.auth_time, s.amr, s.expires_at,
  u.id, u.email, u.name, u.roles, u.created_at, u.tokens_from, now() AS at`;

const live = Prisma.sql`s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.expires_at > now()`;

/** The MAC is hashed once more before it is compared, so that the time a comparison takes tells nothing of it. */
function genuine({ inner, mac }: PresentedToken): Prisma.Sql {
  return Prisma.sql`sha256(sha256(s.secret || ${inner}::bytea)) = sha256(${mac}::bytea)`;
}

/** Sessions in PostgreSQL. Time is the database's, so that replicas agree on it. */
export function createSessionStore(db: PrismaClient, limits: SessionLimits): SessionStore {
  const idle = Prisma.sql`${limits.idle} * interval '1 millisecond'`;
  const max = Prisma.sql`${limits.max} * interval '1 millisecond'`;
  const grace = Prisma.sql`${limits.grace} * interval '1 millisecond'`;

  async function judge(token: PresentedToken): Promise<Refreshed> {
    const [row] = await db.$queryRaw<(Row & { again: boolean; ended: boolean })[]>`
      WITH hit AS (
        SELECT ${columns},
               ${live} AND u.disabled_at IS NULL AS live,
               s.counter = ${token.counter}::int + 1 AND s.rotated_at > clock_timestamp() - ${grace} AS in_grace
        FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
        WHERE s.id = ${token.sessionId}::uuid AND s.counter > ${token.counter}::int AND ${genuine(token)}
        FOR UPDATE OF s
      ), ended AS (
        UPDATE auth.sessions s SET revoked_at = now(), revoked_reason = 'refresh_reuse'
        FROM hit WHERE s.id = hit.session_id AND hit.live AND NOT hit.in_grace
        RETURNING s.id
      )
      SELECT hit.*, live AND in_grace AS again, EXISTS (SELECT FROM ended) AS ended FROM hit`;
    if (row?.again) return { outcome: 'again', signedIn: toSignedIn(row) };
    if (row?.ended) return { outcome: 'reused', sessionId: row.session_id, userId: row.id };
    return { outcome: 'invalid' };
  }

  return {
    async open(session: NewSession, passwordHash) {
      const [row] = await db.$queryRaw<Row[]>`
        WITH u AS (
          SELECT * FROM auth.users
          WHERE id = ${session.userId}::uuid AND disabled_at IS NULL AND password_hash = ${passwordHash}
          FOR SHARE
        ), s AS (
          INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                     idle_expires_at, expires_at)
          SELECT ${session.id}::uuid, u.id, ${session.clientId}, ${session.deviceLabel}, ${session.ip},
                 ${networkOf(session.ip)}, ${session.amr}::text[], ${session.secret.reveal()}::bytea, now(),
                 now() + least(${idle}, ${max}), now() + ${max}
          FROM u
          RETURNING *
        )
        SELECT ${columns} FROM s, u`;
      return row && toSignedIn(row);
    },

    async advance(token) {
      const [row] = await db.$queryRaw<Row[]>`
        UPDATE auth.sessions s
        SET counter = s.counter + 1, rotated_at = now(), last_used_at = now(),
            idle_expires_at = least(now() + ${idle}, s.expires_at)
        FROM auth.users u
        WHERE s.id = ${token.sessionId}::uuid AND s.counter = ${token.counter}::int AND ${genuine(token)}
          AND ${live} AND u.id = s.user_id AND u.disabled_at IS NULL
        RETURNING ${columns}`;
      return row ? { outcome: 'refreshed', signedIn: toSignedIn(row) } : judge(token);
    },

    async endByToken(token, reason) {
      const ended = await db.$executeRaw`
        UPDATE auth.sessions s SET revoked_at = now(), revoked_reason = ${reason}
        WHERE s.id = ${token.sessionId}::uuid AND s.counter >= ${token.counter}::int AND ${genuine(token)}
          AND s.revoked_at IS NULL`;
      return ended === 1;
    },

    async end(sessionId, reason) {
      const ended = await db.$executeRaw`
        UPDATE auth.sessions SET revoked_at = now(), revoked_reason = ${reason}
        WHERE id = ${sessionId}::uuid AND revoked_at IS NULL`;
      return ended === 1;
    },

    async findLive(sessionId): Promise<User | undefined> {
      const [row] = await db.$queryRaw<UserRow[]>`
        SELECT u.id, u.email, u.name, u.roles, u.created_at
        FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
        WHERE s.id = ${sessionId}::uuid AND ${live} AND u.disabled_at IS NULL`;
      return row && toUser(row);
    },
  };
}

function toSignedIn(row: Row): SignedIn {
  const session: Session = {
    id: row.session_id,
    clientId: row.client_id,
    counter: row.counter,
    secret: new Secret(row.secret),
    authTime: row.auth_time,
    amr: row.amr,
    expiresAt: row.expires_at,
  };
  return { user: toUser(row), session, at: row.at, tokensFrom: row.tokens_from ?? undefined };
}
