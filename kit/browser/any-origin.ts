import { accessOf } from '#kit/guard/access.ts';
import type { Gate } from '#kit/call/app.ts';
import { changesState } from '#kit/call/gate-check.ts';

/**
 * Lets pages of any origin read public methods without side effects (the JWKS, the
 * public key). The wildcard origin allows only requests without credentials, which
 * such methods do not need.
 * @param listed origins that CORS allows separately, with credentials
 */
export function anyOriginGate(listed: ReadonlySet<string> = new Set()): Gate {
  return async ({ method, requestHeader, responseHeader }) => {
    if (changesState(method) || accessOf(method) !== 'public') return;
    // Also without an Origin header: a cache may serve the response to a page.
    if (!listed.has(requestHeader.get('origin') ?? '')) responseHeader.set('access-control-allow-origin', '*');
  };
}
