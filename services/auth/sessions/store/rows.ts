import { Secret } from '#kit/log/secret.ts';
import { columns } from '#kit/store/columns.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import { scopesFor } from '../../roles/public.ts';
import { toUser, userColumns, type UserRow } from '../../users/public.ts';
import type { PresentedToken, Session, SignedIn } from '../rules/session.ts';

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

/** A row of `signedInColumns`. */
export type Row = SessionRow & UserRow;

/** When a session `s` expires unless it is refreshed. */
export const expiry = sql`least(s.idle_expires_at, s.expires_at)`;

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
export const signedInColumns = sql`${ownColumns}, ${userColumns}`;

/** Whether a session `s` is live. */
export const live = sql`s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.expires_at > now()`;

/** Whether a token belongs to the session and its client. Compares hashes of the MACs, so that the time of the comparison reveals nothing about them. */
export function genuine({ clientId, inner, mac }: PresentedToken): Sql {
  return sql`s.client_id = ${clientId} AND sha256(sha256(s.secret || ${inner}::bytea)) = sha256(${mac}::bytea)`;
}

/** Returns a row as the rules know it. */
export function toSignedIn({
  sessionId: id,
  clientId,
  counter,
  secret,
  authTime,
  amr,
  expiresAt,
  ...row
}: Row): SignedIn {
  const { at, tokensFrom, definedScopes } = row;
  const session: Session = { id, clientId, counter, secret: new Secret(secret), authTime, amr, expiresAt };
  const scopes = scopesFor(row.roles, definedScopes);
  return { user: toUser(row), scopes, session, at, tokensFrom: tokensFrom ?? undefined };
}
