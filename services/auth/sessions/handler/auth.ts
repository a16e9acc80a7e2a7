import { ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { JsonObject } from '@bufbuild/protobuf';
import type { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { userOf } from '#kit/guard/connect.ts';
import { bearerToken } from '#kit/guard/credentials.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Guard } from '#kit/guard/guard.ts';
import { currentCall } from '#kit/call/call.ts';
import { currentActor } from '../../audit/public.ts';
import { toUserMessage } from '../../users/public.ts';
import { parseRefreshToken } from '../rules/refresh-token.ts';
import { ownClient, type Sessions } from '../rules/sessions.ts';
import type { Tokens } from '../rules/tokens.ts';
import { clearTokenCookies, setTokenCookies } from './cookies.ts';
import { toTokenResponse } from './messages.ts';
import { failure } from '../../reasons.ts';

/** The methods of AuthService that take a session's own tokens. */
export type TokenMethods = Pick<ServiceImpl<typeof AuthService>, 'refresh' | 'logout' | 'verify'>;

/** Implements Refresh, Logout and Verify of AuthService. */
export function tokenHandler(deps: {
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  /** Verifies an access token for `logout`, which is public and therefore not behind the guard. */
  readonly verify: Guard['verify'];
  readonly cookies: CookieNames;
}): TokenMethods {
  const { sessions, tokens, verify, cookies } = deps;

  return {
    async refresh({ refreshToken }, context) {
      const { token, byCookie } = presented(refreshToken, context);
      if (token === undefined) throw failure('INVALID_REFRESH_TOKEN');
      try {
        const place = { ...currentActor(), agent: currentCall()?.agent ?? '' };
        const signedIn = await sessions.refresh(token, ownClient, place);
        const issued = await tokens.issue(signedIn);
        if (byCookie) setTokenCookies(context.responseHeader, cookies, issued);
        return toTokenResponse(signedIn.user, issued, byCookie);
      } catch (error) {
        if (byCookie && error instanceof ConnectError) clearTokenCookies(error.metadata, cookies);
        throw error;
      }
    },

    async logout({ refreshToken }, context) {
      const bearer = bearerToken(context.requestHeader);
      if (refreshToken === undefined && bearer !== undefined) {
        // A request with only an access token ends the token's session.
        await sessions.end((await verify(bearer)).sessionId, currentActor());
        return {};
      }
      const { token, byCookie } = presented(refreshToken, context);
      if (token !== undefined) await sessions.logout(token, ownClient, currentActor());
      if (byCookie) clearTokenCookies(context.responseHeader, cookies);
      return {};
    },

    async verify(_, context) {
      const { sessionId, claims } = userOf(context.values);
      const user = await sessions.whose(sessionId);
      if (!user) throw invalidToken('its session has ended');
      return {
        valid: true,
        csrfValid: tokens.csrfMatches(sessionId, context.requestHeader.get('x-csrf-token')),
        user: toUserMessage(user),
        claims: claims as JsonObject,
      };
    },
  };

  /** The refresh token of a request. @throws CSRF_REQUIRED for one from a cookie without its session's CSRF token */
  function presented(given: string | undefined, { requestHeader }: HandlerContext) {
    if (given !== undefined) return { token: given, byCookie: false };
    const token = readCookie(requestHeader, cookies.refresh);
    if (token === undefined) return { token, byCookie: false };
    const session = parseRefreshToken(token);
    if (session && !tokens.csrfMatches(session.sessionId, requestHeader.get('x-csrf-token')))
      throw failure('CSRF_REQUIRED');
    return { token, byCookie: true };
  }
}
