import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { Secret } from '#kit/log/secret.ts';
import { type Page, type PageRequest, readPage } from '#kit/page/page.ts';
import type { Macs } from '../crypto/master-key.ts';
import type { PasswordCheck } from './password-check.ts';
import type { DeviceTokens } from './device-token.ts';
import type { Source, PresentedToken, RefreshPlace, SessionRecord, SessionStore, SignedIn, User } from './model.ts';
import { innerMac, parseRefreshToken } from './refresh-token.ts';
import { failure } from '../reasons.ts';

/** A sign-in, as far as the request describes it. */
export interface Device extends Source {
  /** What the session is called in the user's list. */
  readonly label: string;
}

/** What a sign-in answers. */
export interface LoggedIn {
  readonly signedIn: SignedIn;
  /** Identifies the device at its next sign-in. */
  readonly deviceToken: string;
}

/** The client of people who sign in to Signet itself. */
export const ownClient = 'signet';

/** Opens, continues and ends sessions. */
export interface Sessions {
  /** @throws as the check of passwords does: INVALID_CREDENTIALS, LOGIN_LIMITED, SERVER_BUSY */
  login(email: string, password: string, device: Device): Promise<LoggedIn>;
  /**
   * Exchanges a refresh token of a client's session. Another client's token changes nothing.
   * @throws INVALID_REFRESH_TOKEN, REFRESH_TOKEN_REUSED
   */
  refresh(token: string, clientId: string, place: RefreshPlace): Promise<SignedIn>;
  /** Ends the session of a refresh token of a client. A token that is good for nothing changes nothing. */
  logout(token: string, clientId: string): Promise<void>;
  /** Ends a session by its own access token. */
  end(sessionId: string): Promise<void>;
  /** A user's own sessions. */
  list(userId: string, includeEnded: boolean, page: PageRequest): Promise<Page<SessionRecord>>;
  /** Ends one of a user's own sessions. @throws NOT_FOUND where there is none that lives and is theirs */
  revoke(userId: string, sessionId: string): Promise<void>;
  /** Ends all of a user's sessions but one; tells how many. */
  revokeOthers(userId: string, keepSession: string): Promise<number>;
  /** Whose session it is, if it lives. */
  whose(sessionId: string): Promise<User | undefined>;
}

/** Makes the keeper of sessions. */
export function createSessions(deps: {
  readonly store: SessionStore;
  readonly passwords: PasswordCheck;
  readonly devices: DeviceTokens;
  readonly macs: Macs;
}): Sessions {
  const { store, passwords, devices, macs } = deps;

  function present(token: string, clientId: string): PresentedToken | undefined {
    const parsed = parseRefreshToken(token);
    return parsed && { ...parsed, clientId, inner: innerMac((text) => macs.mac('refresh', text), parsed) };
  }

  return {
    async login(email, password, device) {
      const { user, passwordHash, device: known } = await passwords.check(email, password, device);
      const signedIn = await store.open(
        {
          id: uuidv7(),
          userId: user.id,
          clientId: ownClient,
          deviceLabel: device.label,
          ip: device.ip,
          amr: ['pwd'],
          secret: new Secret(new Uint8Array(randomBytes(32))),
        },
        passwordHash,
      );
      if (!signedIn) throw failure('INVALID_CREDENTIALS');
      return { signedIn, deviceToken: devices.issue(user.id, known) };
    },

    async refresh(token, clientId, place) {
      const presented = present(token, clientId);
      const result = presented ? await store.advance(presented, place) : { outcome: 'invalid' as const };
      switch (result.outcome) {
        case 'refreshed':
        case 'again':
          return result.signedIn;
        case 'reused':
          throw failure('REFRESH_TOKEN_REUSED');
        case 'invalid':
          throw failure('INVALID_REFRESH_TOKEN');
      }
    },

    async logout(token, clientId) {
      const presented = present(token, clientId);
      if (presented) await store.endByToken(presented);
    },

    async end(sessionId) {
      await store.end(sessionId);
    },

    list: (userId, includeEnded, page) =>
      readPage(
        page,
        ['sessions', userId, includeEnded],
        (query) => store.page(userId, includeEnded, query),
        ({ createdAt, id }) => [createdAt.toISOString(), id],
      ),

    async revoke(userId, sessionId) {
      if (!(await store.revoke(userId, sessionId))) throw failure('NOT_FOUND');
    },

    revokeOthers: (userId, keepSession) => store.revokeOthers(userId, keepSession),

    whose: (sessionId) => store.findLive(sessionId),
  };
}
