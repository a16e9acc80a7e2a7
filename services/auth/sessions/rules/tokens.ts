import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Signer } from '../../keys/public.ts';
import type { Macs } from '../../secrets/public.ts';
import { formatRefreshToken } from './refresh-token.ts';
import type { SignedIn } from './session.ts';
import { failure } from '../../reasons.ts';

/** The tokens of a session. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly csrfToken: string;
  /** Lifetime of the access token, s. */
  readonly expiresIn: number;
  /** Remaining lifetime of the session without a refresh, s. */
  readonly sessionExpiresIn: number;
}

/** Issues the tokens of sessions. */
export interface Tokens {
  /** @throws SERVICE_UNAVAILABLE if guards would refuse the token, because the database's clock was ahead */
  issue(signedIn: SignedIn): Promise<IssuedTokens>;
  /** The CSRF token of a session, which never changes. */
  csrfFor(sessionId: string): string;
  /** Whether a CSRF token belongs to the session. */
  csrfMatches(sessionId: string, presented: string | null): boolean;
}

/** Creates the token issuer. Durations in ms. */
export function createTokens(deps: {
  readonly signer: () => Signer;
  readonly macs: Macs;
  readonly issuer: string;
  readonly audience: string;
  readonly accessTtl: number;
}): Tokens {
  const { signer, macs, issuer, audience, accessTtl } = deps;
  const csrfFor = (sessionId: string) => macs.mac('csrf', sessionId).toString('base64url');

  return {
    csrfFor,
    csrfMatches(sessionId, presented) {
      // Most requests have none, and a MAC costs more than the rest of them.
      if (presented === null) return false;
      const expected = Buffer.from(csrfFor(sessionId));
      const given = Buffer.from(presented);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
    async issue({ user, scopes, session, at, tokensFrom }) {
      // The database's time at the statement that read the account. A change of the account sets
      // `tokensFrom` later than every token issued from its old state. A token issued right after
      // the change has `tokensFrom` as its time of issue, up to two seconds in the future.
      const now = seconds(at);
      const iat = Math.max(now, tokensFrom ? seconds(tokensFrom) : 0);
      if (iat > now + longestAhead) {
        // Every guard would refuse the token, so the client must not get it as valid.
        throw failure('SERVICE_UNAVAILABLE', {
          retryAfter: 60,
          cause: new Error(
            `a change of account ${user.id} or of its roles is dated ${iat - now} s in the future: the database's clock was ahead (docs/operating.md)`,
          ),
        });
      }
      const sessionEnd = seconds(session.expiresAt);
      // A token does not outlive its session.
      const exp = Math.min(iat + Math.floor(accessTtl / 1_000), Math.max(sessionEnd, iat + 1));
      const csrfToken = csrfFor(session.id);
      const accessToken = await signer().sign({
        iss: issuer,
        sub: user.id,
        aud: audience,
        exp,
        iat,
        nbf: now,
        jti: randomUUID(),
        sid: session.id,
        client_id: session.clientId,
        scope: scopes.join(' '),
        roles: user.roles,
        email: user.email,
        // If false, the email is unverified user input.
        email_verified: user.verifiedAt !== undefined,
        amr: session.amr,
        acr: acrOf(session.amr),
        auth_time: authTimeOf(session, iat),
        // Lets the edge check a CSRF token without a key or a call.
        csrf: createHash('sha256').update(csrfToken).digest('base64url'),
      });
      return {
        accessToken,
        refreshToken: formatRefreshToken(
          (text) => macs.mac('refresh', text),
          session.id,
          session.counter,
          session.secret,
        ),
        csrfToken,
        expiresIn: exp - iat,
        sessionExpiresIn: Math.max(1, sessionEnd - iat),
      };
    },
  };
}

/** Clock skew that guards allow, s. */
const skew = 5;
/** Time that `iat` may be in the future, s: two by a change of the account, and one by rounding. */
const longestAhead = 3;

/**
 * The time of the authentication. If it is long after the token's time of issue, the database's clock was ahead then and the
 * true time is not known. The epoch stands for it, so that what needs a recent sign-in asks for one.
 */
function authTimeOf({ authTime }: SignedIn['session'], iat: number): number {
  const time = seconds(authTime);
  return time > iat + skew ? 0 : Math.min(time, iat);
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}

/** Authentication context class: `mfa` with more than one factor, otherwise `pwd`. */
function acrOf(amr: readonly string[]): string {
  return amr.includes('mfa') ? 'mfa' : 'pwd';
}
