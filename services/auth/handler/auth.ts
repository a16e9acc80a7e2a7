import { ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { JsonObject } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import { type AuthService, type Jwk } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { userOf } from '#kit/guard/connect.ts';
import { bearerToken } from '#kit/guard/credentials.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Guard } from '#kit/guard/guard.ts';
import { currentCall } from '#kit/rpc/call.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Accounts } from '../domain/accounts.ts';
import { parseRefreshToken } from '../domain/refresh-token.ts';
import { ownClient, type Sessions } from '../domain/sessions.ts';
import type { Tokens } from '../domain/tokens.ts';
import { clearTokenCookies, setDeviceCookie, setTokenCookies } from './cookies.ts';
import { toTokenResponse, toUserMessage } from './messages.ts';
import { sourceOf } from './source.ts';
import { failure } from '../reasons.ts';

/** What the handlers of AuthService stand on. */
export interface AuthHandlerDeps {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly keyring: Keyring;
  readonly guard: Guard;
  readonly cookies: CookieNames;
  /** How long others may keep the public keys, s. */
  readonly keysMaxAge: number;
}

/** AuthService: from messages to the domain and back. */
export function authHandler(deps: AuthHandlerDeps): ServiceImpl<typeof AuthService> {
  const { accounts, sessions, tokens, keyring, guard, cookies, keysMaxAge } = deps;

  return {
    async register({ email, password, name, role }) {
      const ip = currentCall()?.address ?? '';
      const user = await accounts.register({ email, password, name, roles: [role ?? 'user'], ip });
      return { user: toUserMessage(user) };
    },

    async login({ email, password, transport, deviceLabel, deviceToken: presentedDevice }, context) {
      const source = sourceOf(context.requestHeader, cookies, presentedDevice);
      const device = { ...source, label: deviceLabel ?? labelOf(currentCall()?.agent ?? '') };
      const { signedIn, deviceToken } = await sessions.login(email, password, device);
      const byCookie = transport === 'cookie';
      const issued = await tokens.issue(signedIn);
      if (byCookie) {
        setTokenCookies(context.responseHeader, cookies, issued);
        setDeviceCookie(context.responseHeader, cookies, deviceToken);
      }
      return toTokenResponse(signedIn.user, issued, byCookie, deviceToken);
    },

    async refresh({ refreshToken }, context) {
      const { token, byCookie } = presented(refreshToken, context);
      if (token === undefined) throw failure('INVALID_REFRESH_TOKEN');
      try {
        const { address: ip = '', agent = '' } = currentCall() ?? {};
        const signedIn = await sessions.refresh(token, ownClient, { ip, agent });
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
        // Whoever sends the access token and nothing else means its session.
        await sessions.end((await guard.verify(bearer)).sessionId);
        return {};
      }
      const { token, byCookie } = presented(refreshToken, context);
      if (token !== undefined) await sessions.logout(token, ownClient);
      if (byCookie) clearTokenCookies(context.responseHeader, cookies);
      return {};
    },

    async verify(_, context) {
      const { sessionId, claims } = userOf(context.values);
      const user = await sessions.whose(sessionId);
      if (!user) throw invalidToken('its session is over');
      return {
        valid: true,
        csrfValid: tokens.csrfMatches(sessionId, context.requestHeader.get('x-csrf-token')),
        user: toUserMessage(user),
        claims: claims as JsonObject,
      };
    },

    getJwks(_, context) {
      const keys = keyring.jwks().map((jwk) => jwk as Omit<Jwk, '$typeName'>);
      cacheable(context, JSON.stringify(keys), keysMaxAge);
      return { keys };
    },

    getPublicKey(_, context) {
      const pem = keyring.pem();
      if (pem === undefined) throw failure('NOT_FOUND');
      cacheable(context, pem, keysMaxAge);
      return { pem };
    },
  };

  /** The refresh token of a request. One from a cookie needs its session's CSRF token beside it. */
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

/** What a session is called whose owner has not said: by the User-Agent. */
function labelOf(agent: string): string {
  return agent.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 100);
}

function cacheable({ responseHeader }: HandlerContext, content: string, maxAge: number): void {
  responseHeader.set('etag', `"${createHash('sha256').update(content).digest('base64url')}"`);
  responseHeader.set('cache-control', `public, max-age=${maxAge}`);
}
