import { networkOf } from '#kit/net/network.ts';
import { columns, present } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import { SessionCreatedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { type Actor, auditColumns, auditValues, insertAudit } from '../../audit/public.ts';
import { record } from '../../events/public.ts';
import { lockUser, toUser, type User, userColumns, type UserRow } from '../../users/public.ts';
import type { NewSession, SessionLimits, SessionRecord, SessionStore } from '../rules/session.ts';
import { endSessions } from './end.ts';
import { createRefresh } from './refresh.ts';
import { expiry, genuine, live, type Row, signedInColumns, toSignedIn } from './rows.ts';
import { keptAfterEnd } from './sweep.ts';

/** A session in its owner's list. */
interface RecordRow extends Omit<SessionRecord, 'endedAt' | 'replayedAt'> {
  readonly endedAt: Date | null;
  readonly replayedAt: Date | null;
}

const recordColumns = columns<RecordRow>('s', {
  id: true,
  deviceLabel: true,
  ip: true,
  clientId: true,
  amr: true,
  createdAt: true,
  lastUsedAt: true,
  expiresAt: expiry,
  endedAt: sql`s.revoked_at`,
  endedReason: sql`coalesce(s.revoked_reason, '')`,
  replayedAt: true,
  replayedFrom: true,
});

const youngestFirst = descending(['s.created_at', 'timestamptz'], ['s.id', 'uuid']);

/** Creates the store of sessions in PostgreSQL. All times are the database's, so that replicas agree. */
export function createSessionStore(db: Transactional, limits: SessionLimits): SessionStore {
  const idle = sql`${limits.idle} * interval '1 millisecond'`;
  const max = sql`${limits.max} * interval '1 millisecond'`;

  /** Ends one session and writes its audit event. */
  async function endOne(
    which: Sql,
    kind: 'logout' | 'session_revoked',
    sessionId: string,
    actor: Actor,
  ): Promise<boolean> {
    const event = { kind, outcome: 'success', actor, details: { session_id: sessionId } } as const;
    const reason = kind === 'logout' ? 'logout' : 'revoked';
    const ended = await db.$executeRaw`
      WITH ended AS (
        UPDATE auth.sessions s SET revoked_at = now(), revoked_reason = ${reason} WHERE ${which} RETURNING s.user_id
      )
      INSERT INTO auth.audit_events ${auditColumns}
      SELECT ${auditValues(event, { subject: sql`ended.user_id::text` })} FROM ended`;
    return ended === 1;
  }

  return {
    async open({ id, authentication, clientId, deviceLabel, secret }: NewSession, by) {
      const { account, amr, authTime, credentialsVersion, isKnownPlace } = authentication;
      const userId = account.id;
      const event = { kind: 'login', outcome: 'success', actor: { ...by, id: userId }, subjectId: userId } as const;
      return db.$transaction(async (tx) => {
        await lockUser(tx, userId);
        const [row] = await tx.$queryRaw<(Row & { isFirst: boolean })[]>`
          WITH u AS (
            SELECT * FROM auth.users
            WHERE id = ${userId}::uuid AND disabled_at IS NULL AND credentials_version = ${credentialsVersion}
          ), surplus AS (
            UPDATE auth.sessions SET revoked_at = now(), revoked_reason = 'session_limit'
            WHERE id IN (
              SELECT s.id FROM auth.sessions s JOIN u ON s.user_id = u.id WHERE ${live}
              ORDER BY s.created_at DESC, s.id DESC OFFSET ${limits.limit - 1}
            )
          ), s AS (
            INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                       idle_expires_at, expires_at, sweep_at)
            SELECT ${id}::uuid, u.id, ${clientId}, ${deviceLabel}, ${by.ip}, ${networkOf(by.ip)}, ${amr}::text[],
                   ${secret.reveal()}::bytea, ${authTime}, now() + least(${idle}, ${max}), now() + ${max},
                   now() + ${keptAfterEnd}
            FROM u
            RETURNING *
          ), noted AS (
            INSERT INTO auth.audit_events ${auditColumns}
            SELECT ${auditValues({ ...event, details: { session_id: id } })} FROM u
          )
          SELECT ${signedInColumns}, u.created_at > now() - ${keptAfterEnd}
            AND NOT EXISTS (SELECT FROM auth.sessions o WHERE o.user_id = u.id) AS "isFirst"
          FROM s, u`;
        if (!row) return undefined;
        const message = { userId, sessionId: id, first: row.isFirst, knownPlace: isKnownPlace };
        await record(tx, { type: SessionCreatedSchema, subject: userId, message });
        return toSignedIn(row);
      });
    },

    advance: createRefresh(db, limits),

    endByToken(token, by) {
      const which = sql`s.id = ${token.sessionId}::uuid AND ${genuine(token)} AND s.revoked_at IS NULL`;
      return endOne(which, 'logout', token.sessionId, by);
    },
    end: (sessionId, by) => endOne(sql`s.id = ${sessionId}::uuid AND s.revoked_at IS NULL`, 'logout', sessionId, by),
    revoke: (userId, sessionId, by) =>
      endOne(
        sql`s.id = ${sessionId}::uuid AND s.user_id = ${userId}::uuid AND ${live}`,
        'session_revoked',
        sessionId,
        by,
      ),
    revokeOthers: (userId, keepSession, by) =>
      db.$transaction(async (tx) => {
        await lockUser(tx, userId);
        const ended = await endSessions(tx, userId, 'revoked', keepSession);
        const details = { ended_sessions: ended };
        if (ended > 0) {
          await insertAudit(tx, {
            kind: 'sessions_revoked',
            outcome: 'success',
            actor: by,
            subjectId: userId,
            details,
          });
        }
        return ended;
      }),

    async page(userId, includeEnded, { take, after }) {
      const wanted = where([
        sql`s.user_id = ${userId}::uuid`,
        includeEnded ? sql`least(s.revoked_at, s.idle_expires_at, s.expires_at) > now() - ${keptAfterEnd}` : live,
        keyset(youngestFirst, after),
      ]);
      const rows = await db.$queryRaw<RecordRow[]>`
        SELECT ${recordColumns} FROM auth.sessions s WHERE ${wanted} ORDER BY ${youngestFirst.by} LIMIT ${take}`;
      return rows.map(present);
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
