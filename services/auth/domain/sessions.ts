import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { failure } from '#kit/errors/failure.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Hasher } from '../crypto/hasher.ts';
import type { Macs } from '../crypto/master-key.ts';
import { normalizeEmail } from './accounts.ts';
import type { PresentedToken, SessionStore, SignedIn, User, UserStore } from './model.ts';
import { normalizePassword } from './password.ts';
import { innerMac, parseRefreshToken } from './refresh-token.ts';

/** Whoever signs in, as far as the request tells. */
export interface Device {
  /** What the session is called in the user's list. */
  readonly label: string;
  readonly ip: string;
}

/** Opens, continues and ends sessions. */
export interface Sessions {
  /** @throws INVALID_CREDENTIALS (an unknown email, a wrong password and a disabled account alike), SERVER_BUSY */
  login(email: string, password: string, device: Device): Promise<SignedIn>;
  /** @throws INVALID_REFRESH_TOKEN, REFRESH_TOKEN_REUSED */
  refresh(token: string): Promise<SignedIn>;
  /** Ends a refresh token's session. A token that is good for nothing changes nothing. */
  logout(token: string): Promise<void>;
  /** Ends a session. */
  end(sessionId: string): Promise<void>;
  /** Whose session it is, if it lives. */
  whose(sessionId: string): Promise<User | undefined>;
}

/** The client of people who sign in to Signet itself. */
const ownClient = 'signet';

/** Makes the keeper of sessions. */
export function createSessions(deps: {
  readonly users: UserStore;
  readonly store: SessionStore;
  readonly hasher: Hasher;
  readonly macs: Macs;
  /** Told when a refresh token was used again and its session has ended for it. */
  readonly onReuse: (session: { readonly sessionId: string; readonly userId: string }) => void;
}): Sessions {
  const { users, store, hasher, macs, onReuse } = deps;

  function present(token: string): PresentedToken | undefined {
    const parsed = parseRefreshToken(token);
    return parsed && { ...parsed, inner: innerMac((text) => macs.mac('refresh', text), parsed) };
  }

  return {
    async login(email, password, device) {
      const found = await users.findForLogin(normalizeEmail(email));
      const matches = await hasher.verify(found?.passwordHash, normalizePassword(password));
      if (!found || !matches) throw failure('INVALID_CREDENTIALS');
      const signedIn = await store.open(
        {
          id: uuidv7(),
          userId: found.user.id,
          clientId: ownClient,
          deviceLabel: device.label,
          ip: device.ip,
          amr: ['pwd'],
          secret: new Secret(new Uint8Array(randomBytes(32))),
        },
        found.passwordHash,
      );
      if (!signedIn) throw failure('INVALID_CREDENTIALS');
      return signedIn;
    },

    async refresh(token) {
      const presented = present(token);
      const result = presented ? await store.advance(presented) : { outcome: 'invalid' as const };
      switch (result.outcome) {
        case 'refreshed':
        case 'again':
          return result.signedIn;
        case 'reused':
          onReuse(result);
          throw failure('REFRESH_TOKEN_REUSED');
        case 'invalid':
          throw failure('INVALID_REFRESH_TOKEN');
      }
    },

    async logout(token) {
      const presented = present(token);
      if (presented) await store.endByToken(presented, 'logout');
    },

    async end(sessionId) {
      await store.end(sessionId, 'logout');
    },

    whose: (sessionId) => store.findLive(sessionId),
  };
}
