import type { Secret } from '#kit/log/secret.ts';
import type { PageQuery } from '#kit/page/page.ts';

/** An account. */
export interface User {
  readonly id: string;
  /** In lower case. */
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt: Date;
  /** When an administrator disabled it. */
  readonly disabledAt?: Date | undefined;
  /** When its owner proved that the address is theirs. */
  readonly verifiedAt?: Date | undefined;
}

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
  readonly userId: string;
  readonly clientId: string;
  readonly deviceLabel: string;
  readonly ip: string;
  readonly amr: readonly string[];
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

/** Where a request comes from, as far as it says. */
export interface Source {
  /** Empty where it is not known. */
  readonly ip: string;
  /** A device token that came along. Not verified. */
  readonly deviceToken?: string | undefined;
}

/** Persistence port for accounts. Every verb is one statement, or one transaction. */
export interface UserStore {
  /** Adds an account, whose password is set from a network, unless its email is taken; tells whether it did. */
  insertOnce(user: User, passwordHash: string, network: string): Promise<boolean>;
  /**
   * The account of an email, with what it takes to sign in, and whether it was signed in from a network, or its
   * password set from it, within the last 30 days. Disabled accounts and those without a password are not found.
   */
  findForLogin(email: string, network: string): Promise<LoginRecord | undefined>;
  /** The id of an account by its email, with a password or without, and whether it knows a network as above. */
  findForMail(email: string, network: string): Promise<MailRecord | undefined>;
  find(id: string): Promise<User | undefined>;
  /** Replaces a password's hash by a better one of the same password, if it still is that one; tells whether it did. */
  rehash(userId: string, oldHash: string, newHash: string): Promise<boolean>;
  /**
   * Sets another password from a network, if the old one still is what it was, and ends all sessions but one, and what
   * was sent to set a new one by; tells whether it did.
   */
  changePassword(
    userId: string,
    hashes: { readonly old: string; readonly next: string },
    keepSession: string,
    network: string,
  ): Promise<boolean>;
  /** Whether any account holds a role. */
  anyWithRole(role: string): Promise<boolean>;
}

/** What an account knows of a place. */
interface KnownPlaces {
  readonly isKnownNetwork: boolean;
  /** Device tokens that were issued before identify no device. */
  readonly devicesFrom: Date | null;
}

/** An account as it is found for a login. */
export interface LoginRecord extends KnownPlaces {
  readonly user: User;
  readonly passwordHash: string;
}

/** An account as it is found for a mail. */
export interface MailRecord extends KnownPlaces {
  readonly id: string;
}

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
export interface RefreshPlace {
  readonly ip: string;
  /** User-Agent. */
  readonly agent: string;
}

/** Persistence port for sessions. What ends one also writes the revocation (a trigger does) and the audit event, in the same transaction. */
export interface SessionStore {
  /**
   * Opens a session, unless meanwhile the account was disabled or its password changed. Where the user
   * then has more than they may, the oldest end.
   */
  open(session: NewSession, passwordHash: string): Promise<SignedIn | undefined>;
  /**
   * Moves the counter on, where the token is the one that is good now: one statement.
   * Otherwise, in a second one, tells a token within its grace from a reused one, and ends a
   * session whose token was reused. Within the grace, a use from another network or by another
   * User-Agent than the first is noted on the session and audited, once a token; it may end the session.
   */
  advance(token: PresentedToken, place: RefreshPlace): Promise<Refreshed>;
  /** Ends the session of a refresh token of any age; tells whether this call ended it. */
  endByToken(token: PresentedToken): Promise<boolean>;
  /** Ends a session by its own access token; tells whether this call ended it. */
  end(sessionId: string): Promise<boolean>;
  /** Ends a session of a user; false where there is none that lives. */
  revoke(userId: string, sessionId: string): Promise<boolean>;
  /** Ends all sessions of a user but one; tells how many. */
  revokeOthers(userId: string, keepSession: string): Promise<number>;
  /** A user's sessions, the youngest first; those that are over, too, if asked for. */
  page(userId: string, includeEnded: boolean, query: PageQuery): Promise<SessionRecord[]>;
  /** Whose session it is, if it lives and its account may be used. */
  findLive(sessionId: string): Promise<User | undefined>;
}
