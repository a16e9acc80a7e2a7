// @ts-check
// Calls of the API by cookie, for pages of the edge's own origin. The tokens are HttpOnly cookies; a page keeps only the
// CSRF token, which is useless without them.

/** Where the CSRF token of the session is kept; all pages of this origin share it. */
const storageKey = 'signet.csrf';

/** Reasons of a request whose access token has expired or is missing. */
const needsRefresh = new Set(['TOKEN_REQUIRED', 'INVALID_TOKEN']);

/** An error response (RFC 9457), or `UNREACHABLE` without one. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{ code?: string, title?: string, detail?: string, errors?: { field: string, description: string, reason: string }[], metadata?: Record<string, string> }} body
   * @param {number} retryAfter seconds; 0: unknown
   */
  constructor(status, body, retryAfter) {
    super(body.detail ?? body.title ?? 'The request failed.');
    this.status = status;
    this.code = body.code ?? '';
    this.title = body.title ?? this.message;
    this.errors = body.errors ?? [];
    this.metadata = body.metadata ?? {};
    this.retryAfter = retryAfter;
  }
}

/** Whether this browser has a session, as far as known. */
export function isSignedIn() {
  return localStorage.getItem(storageKey) !== null;
}

/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * Calls a function when the session begins or ends, in any tab.
 * @param {() => void} listener
 */
export function onSessionChange(listener) {
  listeners.add(listener);
}

window.addEventListener('storage', ({ key }) => {
  if (key === storageKey || key === null) changed();
});

function changed() {
  for (const listener of listeners) listener();
}

/**
 * Calls a REST method. Refreshes the session once if its access token has expired.
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>} the body of the response
 * @throws Problem
 */
export async function call(method, path, body, headers = {}) {
  try {
    return await send(method, path, body, headers);
  } catch (error) {
    const isExpired = error instanceof Problem && needsRefresh.has(error.code);
    if (!isExpired || !isSignedIn() || !(await refresh())) throw error;
    return send(method, path, body, headers);
  }
}

/**
 * Signs in and keeps the CSRF token.
 * @param {string} email
 * @param {string} password
 * @throws Problem
 */
export async function signIn(email, password) {
  const { csrf_token: csrf } = await send('POST', '/auth/login', { email, password, transport: 'cookie' });
  localStorage.setItem(storageKey, csrf);
  changed();
}

/**
 * Creates an account. It does not sign in.
 * @param {{ email: string, password: string, name: string, role?: string }} account
 * @throws Problem
 */
export async function register(account) {
  await send('POST', '/auth/register', account);
}

/**
 * The account of the session. Refreshes the session if its access token has expired.
 * @returns {Promise<{ user: { id: string, name: string, roles: string[] } }>}
 * @throws Problem
 */
export function verify() {
  return call('GET', '/auth/verify');
}

/** Ends the session. @throws Problem if the session may go on */
export async function signOut() {
  try {
    await send('POST', '/auth/logout', {});
  } catch (error) {
    // 401: the session was over already. After any other error it may go on.
    if (!(error instanceof Problem) || error.status !== 401) throw error;
  }
  forgetSession();
}

/** Forgets a session that has ended. */
export function forgetSession() {
  if (!isSignedIn()) return;
  localStorage.removeItem(storageKey);
  changed();
}

/** @type {Promise<boolean> | undefined} */
let refreshing;

/** Refreshes the session; concurrent calls share one request. Returns whether the session continues. */
export function refresh() {
  refreshing ??= refreshOnce().finally(() => {
    refreshing = undefined;
  });
  return refreshing;
}

async function refreshOnce() {
  try {
    const { csrf_token: csrf } = await send('POST', '/auth/refresh', {});
    localStorage.setItem(storageKey, csrf);
    return true;
  } catch (error) {
    if (error instanceof Problem && (error.status === 401 || error.status === 403)) forgetSession();
    return false;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
async function send(method, path, body, headers = {}) {
  const csrf = localStorage.getItem(storageKey);
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(csrf === null || method === 'GET' ? {} : { 'x-csrf-token': csrf }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, { code: 'UNREACHABLE', title: 'The server cannot be reached. Try again.' }, 0);
  }
  const text = await response.text();
  // A proxy in front of the edge may answer with a page.
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const json = isJson && text !== '' ? JSON.parse(text) : {};
  if (!response.ok) throw new Problem(response.status, json, Number(response.headers.get('retry-after') ?? 0));
  return json;
}
