import { Secret } from '#kit/log/secret.ts';
import { networkOf } from '#kit/net/network.ts';
import type {
  NewSession,
  PresentedToken,
  Refreshed,
  RefreshPlace,
  Session,
  SessionLimits,
  SessionRecord,
  SessionStore,
  SignedIn,
  User,
} from '../domain/model.ts';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { scopesFor } from '../domain/roles.ts';
import { auditColumns, auditValues, insertAudit } from './audit.ts';
import { endSessions, lockUser, toUser, userColumns, type UserRow } from './users.ts';

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
  defined_scopes: string[];
}

// The scopes, and from when on tokens are good, are read by the statement that reads the roles: what is changed
// meanwhile is in all of them or in none.
const columns = Prisma.sql`
  s.id AS session_id, s.client_id, s.counter, s.secret, s.auth_time, s.amr,
  least(s.idle_expires_at, s.expires_at) AS expires_at,
  ${userColumns}, now() AS at,
  greatest(u.tokens_from, (SELECT max(r.tokens_from) FROM auth.roles r WHERE r.name = ANY (u.roles))) AS tokens_from,
  ARRAY(SELECT DISTINCT unnest(r.scopes) FROM auth.roles r WHERE r.name = ANY (u.roles)) AS defined_scopes`;

const live = Prisma.sql`s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.expires_at > now()`;

/** Whether a token is of the session, and presented by its client. The MAC is hashed once more before it is compared, so that the time a comparison takes tells nothing of it. */
function genuine({ clientId, inner, mac }: PresentedToken): Prisma.Sql {
  return Prisma.sql`s.client_id = ${clientId} AND sha256(sha256(s.secret || ${inner}::bytea)) = sha256(${mac}::bytea)`;
}

/** Sessions in PostgreSQL. Time is the database's, so that replicas agree on it. */
export function createSessionStore(db: PrismaClient, limits: SessionLimits): SessionStore {
  const idle = Prisma.sql`${limits.idle} * interval '1 millisecond'`;
  const max = Prisma.sql`${limits.max} * interval '1 millisecond'`;
  const grace = Prisma.sql`${limits.grace} * interval '1 millisecond'`;

  async function judge(token: PresentedToken, { ip, agent }: RefreshPlace): Promise<Refreshed> {
    const { sessionId } = token;
    const endsReplay = limits.replay === 'end';
    const reuse = {
      kind: 'refresh_reuse',
      outcome: 'failure',
      actorId: '',
      details: { session_id: sessionId },
    } as const;
    const replay = { kind: 'refresh_replay', outcome: endsReplay ? 'failure' : 'success', actorId: '' } as const;
    const subject = Prisma.sql`hit.id::text`;
    // What another client did, or what was refreshed before this was kept, is not known to be elsewhere.
    const [row] = await db.$queryRaw<(Row & { again: boolean; ended: boolean })[]>`
      WITH found AS (
        SELECT ${columns},
               ${live} AND u.disabled_at IS NULL AS live,
               s.counter = ${token.counter}::int + 1 AND s.rotated_at > clock_timestamp() - ${grace} AS in_grace,
               coalesce(s.refreshed_from <> ${networkOf(ip)}, false) AS other_network,
               coalesce(s.refreshed_by <> ${agentOf(agent)}, false) AS other_agent,
               coalesce(s.replayed_at >= s.rotated_at, false) AS is_noted
        FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
        WHERE s.id = ${sessionId}::uuid AND s.counter > ${token.counter}::int AND ${genuine(token)}
        FOR UPDATE OF s
      ), hit AS (
        SELECT *, live AND NOT in_grace AS is_reuse, live AND in_grace AND (other_network OR other_agent) AS is_replay
        FROM found
      ), changed AS (
        UPDATE auth.sessions s
        SET revoked_at = CASE WHEN hit.is_reuse OR ${endsReplay}::boolean THEN now() END,
            revoked_reason = CASE WHEN hit.is_reuse THEN 'refresh_reuse' WHEN ${endsReplay}::boolean THEN 'refresh_replay' END,
            replayed_at = CASE WHEN hit.is_replay THEN clock_timestamp() ELSE s.replayed_at END,
            replayed_from = CASE WHEN hit.is_replay THEN ${ip} ELSE s.replayed_from END
        FROM hit WHERE s.id = hit.session_id AND (hit.is_reuse OR hit.is_replay AND (NOT hit.is_noted OR ${endsReplay}::boolean))
        RETURNING s.id, s.revoked_at
      ), noted_reuse AS (
        INSERT INTO auth.audit_events ${auditColumns}
        SELECT ${auditValues(reuse, { subject })} FROM hit, changed WHERE hit.is_reuse
      ), noted_replay AS (
        INSERT INTO auth.audit_events ${auditColumns}
        SELECT ${auditValues(replay, {
          subject,
          details: Prisma.sql`jsonb_build_object('session_id', hit.session_id, 'other_network', hit.other_network,
            'other_agent', hit.other_agent, 'ended', ${endsReplay}::boolean)`,
        })} FROM hit, changed WHERE hit.is_replay
      )
      SELECT hit.*, live AND in_grace AND NOT (is_replay AND ${endsReplay}::boolean) AS again,
             EXISTS (SELECT FROM changed WHERE revoked_at IS NOT NULL) AS ended
      FROM hit`;
    if (row?.again) return { outcome: 'again', signedIn: toSignedIn(row) };
    return { outcome: row?.ended ? 'reused' : 'invalid' };
  }

  /** Ends one session, and says in the audit log whose it was. */
  async function endOne(which: Prisma.Sql, kind: 'logout' | 'session_revoked', sessionId: string): Promise<boolean> {
    const event = { kind, outcome: 'success', details: { session_id: sessionId } } as const;
    const reason = kind === 'logout' ? 'logout' : 'revoked';
    const ended = await db.$executeRaw`
      WITH ended AS (
        UPDATE auth.sessions s SET revoked_at = now(), revoked_reason = ${reason} WHERE ${which} RETURNING s.user_id
      )
      INSERT INTO auth.audit_events ${auditColumns}
      SELECT ${auditValues(event, { subject: Prisma.sql`ended.user_id::text` })} FROM ended`;
    return ended === 1;
  }

  return {
    async open(session: NewSession, passwordHash) {
      const { id, userId } = session;
      const event = { kind: 'login', outcome: 'success', actorId: userId, subjectId: userId } as const;
      const [, rows] = await db.$transaction([
        lockUser(db, userId),
        db.$queryRaw<Row[]>`
          WITH u AS (
            SELECT * FROM auth.users
            WHERE id = ${userId}::uuid AND disabled_at IS NULL AND password_hash = ${passwordHash}
          ), surplus AS (
            UPDATE auth.sessions SET revoked_at = now(), revoked_reason = 'session_limit'
            WHERE id IN (
              SELECT s.id FROM auth.sessions s JOIN u ON s.user_id = u.id WHERE ${live}
              ORDER BY s.created_at DESC, s.id DESC OFFSET ${limits.most - 1}
            )
          ), s AS (
            INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                       idle_expires_at, expires_at)
            SELECT ${id}::uuid, u.id, ${session.clientId}, ${session.deviceLabel}, ${session.ip},
                   ${networkOf(session.ip)}, ${session.amr}::text[], ${session.secret.reveal()}::bytea, now(),
                   now() + least(${idle}, ${max}), now() + ${max}
            FROM u
            RETURNING *
          ), noted AS (
            INSERT INTO auth.audit_events ${auditColumns}
            SELECT ${auditValues({ ...event, details: { session_id: id } })} FROM u
          )
          SELECT ${columns} FROM s, u`,
      ]);
      return rows[0] && toSignedIn(rows[0]);
    },

    async advance(token, place) {
      const [row] = await db.$queryRaw<Row[]>`
        UPDATE auth.sessions s
        SET counter = s.counter + 1, rotated_at = now(), last_used_at = now(),
            refreshed_from = ${networkOf(place.ip)}, refreshed_by = ${agentOf(place.agent)},
            idle_expires_at = least(now() + ${idle}, s.expires_at)
        FROM auth.users u
        WHERE s.id = ${token.sessionId}::uuid AND s.counter = ${token.counter}::int AND ${genuine(token)}
          AND ${live} AND u.id = s.user_id AND u.disabled_at IS NULL
        RETURNING ${columns}`;
      return row ? { outcome: 'refreshed', signedIn: toSignedIn(row) } : judge(token, place);
    },

    endByToken(token) {
      const which = Prisma.sql`s.id = ${token.sessionId}::uuid AND s.counter >= ${token.counter}::int
        AND ${genuine(token)} AND s.revoked_at IS NULL`;
      return endOne(which, 'logout', token.sessionId);
    },
    end: (sessionId) => endOne(Prisma.sql`s.id = ${sessionId}::uuid AND s.revoked_at IS NULL`, 'logout', sessionId),
    revoke: (userId, sessionId) =>
      endOne(
        Prisma.sql`s.id = ${sessionId}::uuid AND s.user_id = ${userId}::uuid AND ${live}`,
        'session_revoked',
        sessionId,
      ),
    revokeOthers: (userId, keepSession) =>
      db.$transaction(async (tx) => {
        await lockUser(tx, userId);
        const ended = await endSessions(tx, userId, 'revoked', keepSession);
        const details = { ended_sessions: ended };
        if (ended > 0) {
          await insertAudit(tx, { kind: 'sessions_revoked', outcome: 'success', subjectId: userId, details });
        }
        return ended;
      }),

    async page(userId, includeEnded, { take, after }) {
      const [createdAt, id] = after ?? [];
      const behind =
        createdAt === undefined
          ? Prisma.sql`true`
          : Prisma.sql`(s.created_at, s.id) < (${createdAt}::timestamptz, ${id}::uuid)`;
      const wanted = includeEnded
        ? Prisma.sql`least(s.revoked_at, s.idle_expires_at, s.expires_at) > now() - interval '30 days'`
        : live;
      const rows = await db.$queryRaw<RecordRow[]>`
        SELECT s.id, s.device_label, s.ip, s.client_id, s.amr, s.created_at, s.last_used_at,
               least(s.idle_expires_at, s.expires_at) AS expires_at, s.revoked_at, s.revoked_reason,
               s.replayed_at, s.replayed_from
        FROM auth.sessions s WHERE s.user_id = ${userId}::uuid AND ${wanted} AND ${behind}
        ORDER BY s.created_at DESC, s.id DESC LIMIT ${take}`;
      return rows.map(toRecord);
    },

    async findLive(sessionId): Promise<User | undefined> {
      const [row] = await db.$queryRaw<UserRow[]>`
        SELECT ${userColumns}
        FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
        WHERE s.id = ${sessionId}::uuid AND ${live} AND u.disabled_at IS NULL`;
      return row && toUser(row);
    },
  };
}

/** As much of a User-Agent as is kept and compared. */
function agentOf(agent: string): string {
  return agent.replaceAll('\0', '').slice(0, 200);
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
  const scopes = scopesFor(row.roles, row.defined_scopes);
  return { user: toUser(row), scopes, session, at: row.at, tokensFrom: row.tokens_from ?? undefined };
}

interface RecordRow {
  id: string;
  device_label: string;
  ip: string;
  client_id: string;
  amr: string[];
  created_at: Date;
  last_used_at: Date;
  expires_at: Date;
  revoked_at: Date | null;
  revoked_reason: string | null;
  replayed_at: Date | null;
  replayed_from: string;
}

function toRecord(row: RecordRow): SessionRecord {
  return {
    id: row.id,
    deviceLabel: row.device_label,
    ip: row.ip,
    clientId: row.client_id,
    amr: row.amr,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    endedAt: row.revoked_at ?? undefined,
    endedReason: row.revoked_reason ?? '',
    replayedAt: row.replayed_at ?? undefined,
    replayedFrom: row.replayed_from,
  };
}
