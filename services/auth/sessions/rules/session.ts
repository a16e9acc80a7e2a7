import type { Secret } from '#kit/log/secret.ts';
import type { PageQuery } from '#kit/page/page.ts';
import type { Actor } from '../../audit/public.ts';
import type { User } from '../../users/public.ts';
import type { Authentication } from './authentication.ts';

/** A session as its owner sees it. */
export interface SessionRecord {
  readonly id: string;
  readonly deviceLabel: string;
  readonly ip: string;
  readonly clientId: string;
  readonly amr: readonly string[];
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly endedAt: Date | undefined;
  readonly endedReason: string;
  /** When a refresh token was last used a second time from elsewhere, within the grace. */
  readonly replayedAt: Date | undefined;
  /** The address of that use; empty where there was none. */
  readonly replayedFrom: string;
}

/** A session as tokens are made for it. */
export interface Session {
  readonly id: string;
  readonly clientId: string;
  /** The number of the refresh token that is good now. */
  readonly counter: number;
  /** Goes into the MAC of refresh tokens. */
  readonly secret: Secret<Uint8Array>;
  /** When the user last proved who they are. */
  readonly authTime: Date;
  /** How (RFC 8176). */
  readonly amr: readonly string[];
  /** When it is over, unless it is refreshed before. */
  readonly expiresAt: Date;
}

/** A session and whose it is, as one statement found them. */
export interface SignedIn {
  readonly user: User;
  /** What the user may do: the scopes of all roles together, sorted. */
  readonly scopes: readonly string[];
  readonly session: Session;
  /** The database's time at that statement. */
  readonly at: Date;
  /** Tokens of the user that were issued before are refused: for the account, or for a role that it has. */
  readonly tokensFrom: Date | undefined;
}

/** What a session that is about to be opened begins with. */
export interface NewSession {
  readonly id: string;
  /** Whose session it is, and how they proved it. */
  readonly authentication: Authentication;
  readonly clientId: string;
  readonly deviceLabel: string;
  readonly secret: Secret<Uint8Array>;
}

/** How long sessions live, ms, and how many a user may have. */
export interface SessionLimits {
  readonly most: number;
  readonly idle: number;
  readonly max: number;
  readonly grace: number;
  /** What the second use of a refresh token from elsewhere, within the grace, comes to. It is audited either way. */
  readonly replay: 'audit' | 'end';
}

/** What became of a refresh. */
export type Refreshed =
  | { readonly outcome: 'refreshed' | 'again'; readonly signedIn: SignedIn }
  | { readonly outcome: 'reused' }
  | { readonly outcome: 'invalid' };

/** A refresh token as the store checks it: the inner MAC, and what the whole MAC must come to. */
export interface PresentedToken {
  /** The client that presents it. A token of another client's session is not found. */
  readonly clientId: string;
  readonly sessionId: string;
  readonly counter: number;
  readonly inner: Uint8Array<ArrayBuffer>;
  readonly mac: Uint8Array<ArrayBuffer>;
}

/** Where a refresh token is used. */
export interface RefreshPlace extends Actor {
  /** User-Agent. */
  readonly agent: string;
}

/**
 * Persistence port for sessions. What ends a session also writes its audit event, in the same statement or transaction; the
 * trigger `sessions_end` writes its revocation.
 */
export interface SessionStore {
  /**
   * Opens a session, unless meanwhile the account was disabled or its credentials changed. Where the user
   * then has more than they may, the oldest end (`sessions_end`).
   */
  open(session: NewSession, by: Actor): Promise<SignedIn | undefined>;
  /**
   * Moves the counter on, where the token is the one that is good now: one statement.
   * Otherwise, in a second one, tells a token within its grace from a reused one, and ends a
   * session whose token was reused. Within the grace, a use from another network or by another
   * User-Agent than the first is noted on the session and audited, once a token; it may end the session. A session that
   * ends: `sessions_end`.
   */
  advance(token: PresentedToken, place: RefreshPlace): Promise<Refreshed>;
  /** Ends the session of a refresh token of any age; tells whether this call ended it (`sessions_end`). */
  endByToken(token: PresentedToken, by: Actor): Promise<boolean>;
  /** Ends a session by its own access token; tells whether this call ended it (`sessions_end`). */
  end(sessionId: string, by: Actor): Promise<boolean>;
  /** Ends a session of a user; false where there is none that lives (`sessions_end`). */
  revoke(userId: string, sessionId: string, by: Actor): Promise<boolean>;
  /** Ends all sessions of a user but one; tells how many (`sessions_end`). */
  revokeOthers(userId: string, keepSession: string, by: Actor): Promise<number>;
  /** A user's sessions, the youngest first; those that are over, too, if asked for. */
  page(userId: string, includeEnded: boolean, query: PageQuery): Promise<SessionRecord[]>;
  /** Whose session it is, if it lives and its account may be used. */
  findLive(sessionId: string): Promise<User | undefined>;
}
