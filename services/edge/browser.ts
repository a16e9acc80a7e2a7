import { createContextKey } from '@connectrpc/connect';
import { createHash, timingSafeEqual } from 'node:crypto';
import { type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { identityOf } from '#kit/guard/connect.ts';
import type { AskedGate } from '#kit/call/asked.ts';
import { peerKey } from '#kit/call/peer.ts';
import { failure } from './reasons.ts';

/** What protects people whose browsers hold cookies of ours. */
export interface BrowserOptions {
  readonly cookies: CookieNames;
  /** Origins that are ours: the edge's own, and those of CORS. */
  readonly origins: ReadonlySet<string>;
  /** `always`: requests with an Authorization header need a CSRF token too. */
  readonly csrf: 'cookie' | 'always';
}

const byCookie = createContextKey(false, { description: 'authenticated by cookie' });

/**
 * Refuses requests that another site's page has a browser make and that would
 * change something, before anything else is done for them. That holds without
 * cookies, too: signing somebody in is a change. An Authorization header is not
 * for another site's page to send.
 * @param count counts a refused request, against a budget other than that of signing in: no page uses up its visitor's
 */
export function originGate({ origins }: BrowserOptions, count: (address: string) => Promise<unknown>): AskedGate {
  return async ({ changesState, crossOrigin, requestHeader, values }) => {
    if (!changesState || crossOrigin || requestHeader.has('authorization') || isOurs(requestHeader, origins)) return;
    await count(values.get(peerKey).address);
    throw failure('CROSS_ORIGIN');
  };
}

/** Turns the access token's cookie into the Authorization header that the guard reads. */
export function cookieGate({ cookies }: BrowserOptions): AskedGate {
  return async ({ access: rule, requestHeader, values }) => {
    // What is public takes no identity, so that a stale cookie cannot stand in the way of signing in.
    if (requestHeader.has('authorization') || rule === 'public') return;
    const access = readCookie(requestHeader, cookies.access);
    if (access === undefined) return;
    requestHeader.set('authorization', `Bearer ${access}`);
    values.set(byCookie, true);
  };
}

/**
 * Asks for the session's CSRF token where a cookie signed in a request that
 * changes something. The access token names the hash of it, so that this takes
 * neither a key nor a question to anybody. Stands after the guard.
 */
export function csrfGate({ csrf }: BrowserOptions): AskedGate {
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
 * Tells whether a request comes from a page of ours (Fetch Metadata, else Origin).
 * What is neither comes from no browser, or one too old to tell: the CSRF token
 * stands in its way all the same.
 */
function isOurs(header: Headers, origins: ReadonlySet<string>): boolean {
  const site = header.get('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return true;
  const origin = header.get('origin');
  if (origin !== null) return origins.has(origin);
  return site === null;
}
