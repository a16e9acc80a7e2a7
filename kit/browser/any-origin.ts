import { accessOf } from '#kit/guard/access.ts';
import type { Gate } from '#kit/call/app.ts';
import { changesState } from '#kit/call/asked.ts';

/**
 * Lets pages of every origin read what is public and changes nothing: the JWKS,
 * the public key. A browser then shares the answer only where it sent no
 * credentials, and such a method takes none.
 * @param listed origins that CORS answers by themselves, with credentials
 */
export function anyOriginGate(listed: ReadonlySet<string> = new Set()): Gate {
  return async ({ method, requestHeader, responseHeader }) => {
    if (changesState(method) || accessOf(method) !== 'public') return;
    // Said without an Origin, too: a cache may give the answer to a page.
    if (!listed.has(requestHeader.get('origin') ?? '')) responseHeader.set('access-control-allow-origin', '*');
  };
}
