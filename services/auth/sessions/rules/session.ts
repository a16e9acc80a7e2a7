import type { Secret } from '#kit/log/secret.ts';
import type { PageQuery } from '#kit/page/page.ts';
import type { Actor } from '../../audit/public.ts';
import type { User } from '../../users/public.ts';
import type { Authentication } from './authentication.ts';

/** A session in its owner's list. */
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
  /** When a refresh token was last replayed from elsewhere within the grace period. */
  readonly replayedAt: Date | undefined;
  /** Address of the replay; empty if none. */
  readonly replayedFrom: string;
}

/** The data of a session that its tokens need. */
export interface Session {
  readonly id: string;
  readonly clientId: string;
  /** Counter of the current refresh token. */
  readonly counter: number;
  /** Part of the MAC of refresh tokens. */
  readonly secret: Secret<Uint8Array>;
  /** Time of the last authentication. */
  readonly authTime: Date;
  /** Authentication method references (RFC 8176). */
  readonly amr: readonly string[];
  /** When it expires unless it is refreshed. */
  readonly expiresAt: Date;
}

/** A session and its user, read by one statement. */
export interface SignedIn {
  readonly user: User;
  /** The scopes of all roles of the user, sorted. */
  readonly scopes: readonly string[];
  readonly session: Session;
  /** The database's time at the statement. */
  readonly at: Date;
  /** Tokens of the user issued earlier are revoked, for the account or one of its roles. */
  readonly tokensFrom: Date | undefined;
}

/** Data of a new session. */
export interface NewSession {
  readonly id: string;
  /** The user and how they authenticated. */
  readonly authentication: Authentication;
  readonly clientId: string;
  readonly deviceLabel: string;
  readonly secret: Secret<Uint8Array>;
}

/** Limits of sessions. Durations in ms. */
export interface SessionLimits {
  /** Maximum sessions per user. */
  readonly limit: number;
  readonly idle: number;
  readonly max: number;
  readonly grace: number;
  /** Reaction to a replay within the grace period from elsewhere. `end` also ends the session. */
  readonly replay: 'audit' | 'end';
}

/** Result of a refresh. `repeated`: a token used again within its grace period. */
export type Refreshed =
  | { readonly outcome: 'refreshed' | 'repeated'; readonly signedIn: SignedIn }
  | { readonly outcome: 'reused' }
  | { readonly outcome: 'invalid' };

/** A refresh token with its inner MAC, for the store's check. */
export interface PresentedToken {
  /** The client that presents it. A token of another client's session is unknown. */
  readonly clientId: string;
  readonly sessionId: string;
  readonly counter: number;
  readonly inner: Uint8Array<ArrayBuffer>;
  readonly mac: Uint8Array<ArrayBuffer>;
}

/** The source of a refresh. */
export interface RefreshPlace extends Actor {
  /** User-Agent. */
  readonly agent: string;
}

/**
 * Persistence port for sessions. A method that ends a session also writes its audit event, in the same statement or
 * transaction; the trigger `sessions_end` writes the revocation.
 */
export interface SessionStore {
  /**
   * Opens a session, unless the account was disabled or its credentials changed meanwhile. Past the user's limit, ends
   * the oldest sessions (`sessions_end`).
   */
  open(session: NewSession, by: Actor): Promise<SignedIn | undefined>;
  /**
   * Increments the counter if the token is current: one statement. Otherwise a second statement distinguishes a token
   * within its grace period from a reused one, and ends the session on reuse. Within the grace period, a use from
   * another network or User-Agent is recorded on the session and audited once per token; it may end the session
   * (`sessions_end`).
   */
  advance(token: PresentedToken, place: RefreshPlace): Promise<Refreshed>;
  /** Ends the session of a current or earlier refresh token; returns whether it did (`sessions_end`). */
  endByToken(token: PresentedToken, by: Actor): Promise<boolean>;
  /** Ends the session of an access token; returns whether it did (`sessions_end`). */
  end(sessionId: string, by: Actor): Promise<boolean>;
  /** Ends an active session of a user; returns whether it did (`sessions_end`). */
  revoke(userId: string, sessionId: string, by: Actor): Promise<boolean>;
  /** Ends all sessions of a user but one; returns their number (`sessions_end`). */
  revokeOthers(userId: string, keepSession: string, by: Actor): Promise<number>;
  /** A user's sessions, newest first; active ones, or also ended ones. */
  page(userId: string, includeEnded: boolean, query: PageQuery): Promise<SessionRecord[]>;
  /** The user of an active session whose account is not disabled. */
  findLive(sessionId: string): Promise<User | undefined>;
}
