import { networkOf } from '#kit/net/network.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { SessionReuseDetectedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { auditColumns, auditValues } from '../../audit/public.ts';
import { record } from '../../events/public.ts';
import type { PresentedToken, Refreshed, RefreshPlace, SessionLimits, SessionStore } from '../rules/session.ts';
import { genuine, live, type Row, signedInColumns, toSignedIn } from './rows.ts';

/** Creates the exchange of refresh tokens. The current token takes one statement. */
export function createRefresh(db: Transactional, limits: SessionLimits): SessionStore['advance'] {
  const idle = sql`${limits.idle} * interval '1 millisecond'`;
  const grace = sql`${limits.grace} * interval '1 millisecond'`;

  /** The assignments of a session `s` whose token number `counter` is exchanged. */
  function advanced({ counter }: PresentedToken, { ip, agent }: RefreshPlace): Sql {
    return sql`
      counter = ${counter}::int + 1, rotated_at = now(), last_used_at = now(),
      refreshed_from = ${networkOf(ip)}, refreshed_by = ${agentOf(agent)},
      idle_expires_at = least(now() + ${idle}, s.expires_at)`;
  }

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

  /**
   * Accepts a genuine token ahead of its row: the database was restored to an earlier state, and the token is the newer truth.
   */
  async function jumpAhead(token: PresentedToken, place: RefreshPlace): Promise<Refreshed | undefined> {
    const { sessionId, counter } = token;
    const event = { kind: 'refresh_ahead', outcome: 'success', actor: { ...place, id: '' } } as const;
    const [row] = await db.$queryRaw<Row[]>`
      WITH behind AS (
        SELECT s.id, s.counter FROM auth.sessions s
        WHERE s.id = ${sessionId}::uuid AND s.counter < ${counter}::int AND ${genuine(token)}
        FOR UPDATE
      ), ahead AS (
        UPDATE auth.sessions s SET ${advanced(token, place)}
        FROM auth.users u, behind
        WHERE s.id = behind.id AND ${live} AND u.id = s.user_id AND u.disabled_at IS NULL
        RETURNING ${signedInColumns}, behind.counter AS "from"
      ), noted AS (
        INSERT INTO auth.audit_events ${auditColumns}
        SELECT ${auditValues(event, {
          subject: sql`ahead.id::text`,
          details: sql`jsonb_build_object('session_id', ahead."sessionId", 'from', ahead."from", 'to', ahead.counter)`,
        })} FROM ahead
      )
      SELECT * FROM ahead`;
    return row && { outcome: 'refreshed', signedIn: toSignedIn(row) };
  }

  /** Exchanges the current token of a live session. */
  async function advance(token: PresentedToken, place: RefreshPlace): Promise<Refreshed | undefined> {
    const [row] = await db.$queryRaw<Row[]>`
      UPDATE auth.sessions s SET ${advanced(token, place)}
      FROM auth.users u
      WHERE s.id = ${token.sessionId}::uuid AND s.counter = ${token.counter}::int AND ${genuine(token)}
        AND ${live} AND u.id = s.user_id AND u.disabled_at IS NULL
      RETURNING ${signedInColumns}`;
    return row && { outcome: 'refreshed', signedIn: toSignedIn(row) };
  }

  /** The number of a genuine token's live session; undefined for another token. */
  async function counterOf(token: PresentedToken): Promise<number | undefined> {
    const [row] = await db.$queryRaw<{ counter: number }[]>`
      SELECT s.counter FROM auth.sessions s WHERE s.id = ${token.sessionId}::uuid AND ${genuine(token)} AND ${live}`;
    return row?.counter;
  }

  return async (token, place) => {
    const current = await advance(token, place);
    if (current) return current;
    const counter = await counterOf(token);
    if (counter === undefined) return { outcome: 'invalid' };
    // Between two statements another request may have changed the row, also to the token's number.
    const exchanged =
      counter < token.counter
        ? await jumpAhead(token, place)
        : counter === token.counter
          ? await advance(token, place)
          : undefined;
    return exchanged ?? db.$transaction((tx) => resolveUsedToken(tx, token, place));
  };
}

/** The part of a User-Agent that is stored and compared. */
function agentOf(agent: string): string {
  return agent.replaceAll('\0', '').slice(0, 200);
}
