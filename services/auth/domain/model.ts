import type { Secret } from '#kit/log/secret.ts';

/** An account. */
export interface User {
  readonly id: string;
  /** In lower case. */
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt: Date;
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
  /** When it is over, however it is used. */
  readonly expiresAt: Date;
}

/** A session and whose it is, as one statement found them. */
export interface SignedIn {
  readonly user: User;
  readonly session: Session;
  /** The database's time at that statement. */
  readonly at: Date;
  /** Tokens of the user that were issued before are refused. */
  readonly tokensFrom: Date | undefined;
}

/** What a session that is about to be opened begins with. */
export interface NewSession {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly deviceLabel: string;
  readonly ip: string;
  readonly amr: readonly string[];
  readonly secret: Secret<Uint8Array>;
}

/** How long sessions live, ms. */
export interface SessionLimits {
  readonly idle: number;
  readonly max: number;
  readonly grace: number;
}

/** What became of a refresh. */
export type Refreshed =
  | { readonly outcome: 'refreshed' | 'again'; readonly signedIn: SignedIn }
  | { readonly outcome: 'reused'; readonly sessionId: string; readonly userId: string }
  | { readonly outcome: 'invalid' };

/** Accounts, kept. Every verb is one statement. */
export interface UserStore {
  /** Adds an account unless its email is taken; tells whether it did. */
  insertOnce(user: User, passwordHash: string): Promise<boolean>;
  /** The account of an email, with what it takes to sign in. Disabled accounts are not found. */
  findForLogin(email: string): Promise<{ user: User; passwordHash: string } | undefined>;
  /** Whether any account holds a role. */
  anyWithRole(role: string): Promise<boolean>;
}

/** A refresh token as the store checks it: the inner MAC, and what the whole MAC must come to. */
export interface PresentedToken {
  readonly sessionId: string;
  readonly counter: number;
  readonly inner: Uint8Array<ArrayBuffer>;
  readonly mac: Uint8Array<ArrayBuffer>;
}

/** Sessions, kept. Every verb is one statement unless it says otherwise. */
export interface SessionStore {
  /** Opens a session, unless meanwhile the account was disabled or its password changed. */
  open(session: NewSession, passwordHash: string): Promise<SignedIn | undefined>;
  /**
   * Moves the counter on, where the token is the one that is good now: one statement.
   * Otherwise, in a second one, tells a token within its grace from a reused one, and ends a
   * session whose token was reused. What ends a refresh for good is the session's row: whoever
   * disables an account ends its sessions in the same transaction.
   */
  advance(token: PresentedToken): Promise<Refreshed>;
  /** Ends the session of a refresh token of any age; tells whether this call ended it. */
  endByToken(token: PresentedToken, reason: string): Promise<boolean>;
  /** Ends a session; tells whether this call ended it. */
  end(sessionId: string, reason: string): Promise<boolean>;
  /** Whose session it is, if it lives and its account may be used. */
  findLive(sessionId: string): Promise<User | undefined>;
}
