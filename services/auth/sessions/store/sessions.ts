import { Secret } from '#kit/log/secret.ts';
import { networkOf } from '#kit/net/network.ts';
import { columns, present } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import { SessionCreatedSchema, SessionReuseDetectedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { type Actor, auditColumns, auditValues, insertAudit } from '../../audit/public.ts';
import { record } from '../../events/public.ts';
import { scopesFor } from '../../roles/public.ts';
import { lockUser, toUser, type User, userColumns, type UserRow } from '../../users/public.ts';
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
} from '../rules/session.ts';
import { endSessions } from './end.ts';
import { keptAfterEnd } from './sweep.ts';

/** The data that tokens need, in addition to the user. */
interface SessionRow {
  readonly sessionId: string;
  readonly clientId: string;
  readonly counter: number;
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly authTime: Date;
  readonly amr: string[];
  readonly expiresAt: Date;
  readonly at: Date;
  readonly tokensFrom: Date | null;
  readonly definedScopes: string[];
}

type Row = SessionRow & UserRow;

const expiry = sql`least(s.idle_expires_at, s.expires_at)`;

// One statement reads the roles, their scopes and the `tokens_from` times, so that a concurrent change is visible in
// all of them or in none.
const ownColumns = columns<SessionRow>('s', {
  sessionId: sql`s.id`,
  clientId: true,
  counter: true,
  secret: true,
  authTime: true,
  amr: true,
  expiresAt: expiry,
  at: sql`now()`,
  tokensFrom: sql`
    greatest(u.tokens_from, (SELECT max(r.tokens_from) FROM auth.roles r WHERE r.name = ANY (u.roles)))`,
  definedScopes: sql`
    ARRAY(SELECT DISTINCT unnest(r.scopes) FROM auth.roles r WHERE r.name = ANY (u.roles))`,
});

/** The columns of a session `s` and its user `u`. */
const signedInColumns = sql`${ownColumns}, ${userColumns}`;

const live = sql`s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.expires_at > now()`;

/** Whether a token belongs to the session and its client. Compares hashes of the MACs, so that the time of the comparison reveals nothing about them. */
function genuine({ clientId, inner, mac }: PresentedToken): Sql {
  return sql`s.client_id = ${clientId} AND sha256(sha256(s.secret || ${inner}::bytea)) = sha256(${mac}::bytea)`;
}

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
  const grace = sql`${limits.grace} * interval '1 millisecond'`;

  /** Resolves a refresh with a token that is not current: within its grace period, reused, or invalid. */
  async function resolveUsedToken(tx: Statements, token: PresentedToken, place: RefreshPlace): Promise<Refreshed> {
    const { ip, agent } = place;
    // The user of a token that is used twice is unknown.
    const actor = { ...place, id: '' };
    const { sessionId } = token;
    const endsReplay = limits.replay === 'end';
    const reuse = {
      kind: 'refresh_reuse',
      outcome: 'failure',
      actor,
      details: { session_id: sessionId },
    } as const;
    const replay = { kind: 'refresh_replay', outcome: endsReplay ? 'failure' : 'success', actor } as const;
    const subject = sql`hit.id::text`;
    // If the session has no recorded network or User-Agent (refreshed by an earlier version), it does not count as another one.
    const [row] = await tx.$queryRaw<(Row & { repeated: boolean; ended: boolean; is_reuse: boolean })[]>`
      WITH found AS (
        SELECT ${signedInColumns},
               ${live} AND u.disabled_at IS NULL AS live,
               s.counter = ${token.counter}::int + 1
                 AND s.rotated_at > clock_timestamp() - ${grace} AND s.rotated_at <= clock_timestamp() + ${grace} AS in_grace,
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
        FROM hit WHERE s.id = hit."sessionId" AND (hit.is_reuse OR hit.is_replay AND (NOT hit.is_noted OR ${endsReplay}::boolean))
        RETURNING s.id, s.revoked_at
      ), noted_reuse AS (
        INSERT INTO auth.audit_events ${auditColumns}
        SELECT ${auditValues(reuse, { subject })} FROM hit, changed WHERE hit.is_reuse
      ), noted_replay AS (
        INSERT INTO auth.audit_events ${auditColumns}
        SELECT ${auditValues(replay, {
          subject,
          details: sql`jsonb_build_object('session_id', hit."sessionId", 'other_network', hit.other_network,
            'other_agent', hit.other_agent, 'ended', ${endsReplay}::boolean)`,
        })} FROM hit, changed WHERE hit.is_replay
      )
      SELECT hit.*, live AND in_grace AND NOT (is_replay AND ${endsReplay}::boolean) AS repeated,
             EXISTS (SELECT FROM changed WHERE revoked_at IS NOT NULL) AS ended
      FROM hit`;
    if (row?.ended && row.is_reuse) {
      const message = { userId: row.id, sessionId };
      await record(tx, { type: SessionReuseDetectedSchema, subject: row.id, message });
    }
    if (row?.repeated) return { outcome: 'repeated', signedIn: toSignedIn(row) };
    return { outcome: row?.ended ? 'reused' : 'invalid' };
  }

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

    async advance(token, place) {
      const [row] = await db.$queryRaw<Row[]>`
        UPDATE auth.sessions s
        SET counter = s.counter + 1, rotated_at = now(), last_used_at = now(),
            refreshed_from = ${networkOf(place.ip)}, refreshed_by = ${agentOf(place.agent)},
            idle_expires_at = least(now() + ${idle}, s.expires_at)
        FROM auth.users u
        WHERE s.id = ${token.sessionId}::uuid AND s.counter = ${token.counter}::int AND ${genuine(token)}
          AND ${live} AND u.id = s.user_id AND u.disabled_at IS NULL
        RETURNING ${signedInColumns}`;
      if (row) return { outcome: 'refreshed', signedIn: toSignedIn(row) };
      return db.$transaction((tx) => resolveUsedToken(tx, token, place));
    },

    endByToken(token, by) {
      const which = sql`s.id = ${token.sessionId}::uuid AND s.counter >= ${token.counter}::int
        AND ${genuine(token)} AND s.revoked_at IS NULL`;
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

/** The part of a User-Agent that is stored and compared. */
function agentOf(agent: string): string {
  return agent.replaceAll('\0', '').slice(0, 200);
}

function toSignedIn({ sessionId: id, clientId, counter, secret, authTime, amr, expiresAt, ...row }: Row): SignedIn {
  const { at, tokensFrom, definedScopes } = row;
  const session: Session = { id, clientId, counter, secret: new Secret(secret), authTime, amr, expiresAt };
  const scopes = scopesFor(row.roles, definedScopes);
  return { user: toUser(row), scopes, session, at, tokensFrom: tokensFrom ?? undefined };
}
