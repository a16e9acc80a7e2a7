import { createContextKey } from '@connectrpc/connect';
import { createHash, timingSafeEqual } from 'node:crypto';
import { type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { identityOf } from '#kit/guard/connect.ts';
import type { GateCheck } from '#kit/call/gate-check.ts';
import { peerKey } from '#kit/call/peer.ts';
import { failure } from './reasons.ts';

/** Options of the checks that protect browser users with cookies. */
export interface BrowserOptions {
  readonly cookies: CookieNames;
  /** Allowed origins: the edge's own, and those of CORS. */
  readonly origins: ReadonlySet<string>;
  /** `always`: requests with an Authorization header need a CSRF token too. */
  readonly csrf: 'cookie' | 'always';
}

const byCookie = createContextKey(false, { description: 'authenticated by cookie' });

/**
 * Rejects state-changing cross-origin requests of browsers before any other
 * check, also without cookies, because a sign-in changes state. A request with an
 * Authorization header passes: a cross-site page cannot make a browser send one.
 * @param count counts a rejected request in the light rate class, so that a page cannot use up its visitor's sign-in limit
 */
export function originGate({ origins }: BrowserOptions, count: (address: string) => Promise<unknown>): GateCheck {
  return async ({ changesState, crossOrigin, requestHeader, values }) => {
    if (!changesState || crossOrigin || requestHeader.has('authorization') || isAllowedOrigin(requestHeader, origins))
      return;
    await count(values.get(peerKey).address);
    throw failure('CROSS_ORIGIN');
  };
}

/** Converts the access token's cookie into the Authorization header that the guard reads. */
export function cookieGate({ cookies }: BrowserOptions): GateCheck {
  return async ({ access: rule, requestHeader, values }) => {
    // Public methods ignore credentials, so a stale cookie cannot block sign-in.
    if (requestHeader.has('authorization') || rule === 'public') return;
    const access = readCookie(requestHeader, cookies.access);
    if (access === undefined) return;
    requestHeader.set('authorization', `Bearer ${access}`);
    values.set(byCookie, true);
  };
}

/**
 * Requires the session's CSRF token for state-changing requests authenticated by
 * cookie. The access token contains its hash, so the check needs no key and no
 * call. Runs after the guard.
 */
export function csrfGate({ csrf }: BrowserOptions): GateCheck {
  return async ({ changesState, requestHeader, values }) => {
    const { user } = identityOf(values);
    if (!user || !changesState || !(csrf === 'always' || values.get(byCookie))) return;
    const { csrf: hash } = user.claims;
    const expected = Buffer.from(typeof hash === 'string' ? hash : '', 'base64url');
    const given = createHash('sha256')
      .update(requestHeader.get('x-csrf-token') ?? '')
      .digest();
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) throw failure('CSRF_REQUIRED');
  };
}

/**
 * Whether a request comes from an allowed origin (Fetch Metadata, otherwise
 * Origin). A request with neither header comes from no browser or from an old
 * one, for which the CSRF check still applies.
 */
function isAllowedOrigin(header: Headers, origins: ReadonlySet<string>): boolean {
  const site = header.get('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return true;
  const origin = header.get('origin');
  if (origin !== null) return origins.has(origin);
  return site === null;
}
