import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { Secret } from '#kit/log/secret.ts';
import { type Page, type PageRequest, readPage } from '#kit/page/page.ts';
import type { Actor } from '../../audit/public.ts';
import type { Macs } from '../../secrets/public.ts';
import type { User } from '../../users/public.ts';
import type { Authentication } from './authentication.ts';
import { innerMac, parseRefreshToken } from './refresh-token.ts';
import type { PresentedToken, RefreshPlace, SessionRecord, SessionStore, SignedIn } from './session.ts';
import { failure } from '../../reasons.ts';

/** The client id of sign-ins to Signet itself. */
export const ownClient = 'signet';

/** Client and device of a new session. */
export interface Opening {
  /** The client that receives the tokens. */
  readonly client: string;
  readonly device: {
    /** Label in the user's list of sessions. */
    readonly label: string;
  };
}

/** Opens, continues and ends sessions. */
export interface Sessions {
  /**
   * Opens a session.
   * @throws INVALID_CREDENTIALS if the account was disabled or its credentials changed after the authentication
   */
  open(authentication: Authentication, opening: Opening, by: Actor): Promise<SignedIn>;
  /**
   * Exchanges a refresh token of a client's session. Another client's token changes nothing.
   * @throws INVALID_REFRESH_TOKEN, REFRESH_TOKEN_REUSED
   */
  refresh(token: string, clientId: string, place: RefreshPlace): Promise<SignedIn>;
  /** Ends the session of a client's refresh token. An invalid token changes nothing. */
  logout(token: string, clientId: string, by: Actor): Promise<void>;
  /** Ends the session of an access token. */
  end(sessionId: string, by: Actor): Promise<void>;
  /** A user's own sessions. */
  list(userId: string, includeEnded: boolean, page: PageRequest): Promise<Page<SessionRecord>>;
  /** Ends one of a user's own sessions. @throws NOT_FOUND if it is unknown, has ended, or belongs to another user */
  revoke(userId: string, sessionId: string, by: Actor): Promise<void>;
  /** Ends all of a user's sessions but one; returns their number. */
  revokeOthers(userId: string, keepSession: string, by: Actor): Promise<number>;
  /** The user of an active session. */
  whose(sessionId: string): Promise<User | undefined>;
}

/** Creates the session service. */
export function createSessions(deps: { readonly store: SessionStore; readonly macs: Macs }): Sessions {
  const { store, macs } = deps;

  function present(token: string, clientId: string): PresentedToken | undefined {
    const parsed = parseRefreshToken(token);
    return parsed && { ...parsed, clientId, inner: innerMac((text) => macs.mac('refresh', text), parsed) };
  }

  return {
    async open(authentication, { client, device }, by) {
      const secret = new Secret(new Uint8Array(randomBytes(32)));
      const session = { id: uuidv7(), authentication, clientId: client, deviceLabel: device.label, secret };
      const signedIn = await store.open(session, by);
      if (!signedIn) throw failure('INVALID_CREDENTIALS');
      return signedIn;
    },

    async refresh(token, clientId, place) {
      const presented = present(token, clientId);
      const result = presented ? await store.advance(presented, place) : { outcome: 'invalid' as const };
      switch (result.outcome) {
        case 'refreshed':
        case 'repeated':
          return result.signedIn;
        case 'reused':
          throw failure('REFRESH_TOKEN_REUSED');
        case 'invalid':
          throw failure('INVALID_REFRESH_TOKEN');
      }
    },

    async logout(token, clientId, by) {
      const presented = present(token, clientId);
      if (presented) await store.endByToken(presented, by);
    },

    async end(sessionId, by) {
      await store.end(sessionId, by);
    },

    list: (userId, includeEnded, page) =>
      readPage(
        page,
        ['sessions', userId, includeEnded],
        (query) => store.page(userId, includeEnded, query),
        ({ createdAt, id }) => [createdAt.toISOString(), id],
      ),

    async revoke(userId, sessionId, by) {
      if (!(await store.revoke(userId, sessionId, by))) throw failure('NOT_FOUND');
    },

    revokeOthers: (userId, keepSession, by) => store.revokeOthers(userId, keepSession, by),

    whose: (sessionId) => store.findLive(sessionId),
  };
}
