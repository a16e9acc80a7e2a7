import { type ContextValues, createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Principal } from './claims.ts';
import { type Guard, userIn } from './guard.ts';
import type { Identity } from './policy.ts';

/** Context value under which the gate leaves who is calling. */
export const identityKey = createContextKey<Identity>({}, { description: 'identity' });

/** A guard as Connect's `requestGate`: it runs on headers, before a body is read. */
export function connectGate(guard: Guard): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    context.values.set(identityKey, await guard.admit(context.method, context.requestHeader));
  };
}

/** Who is calling. Empty on a public method. */
export function identityOf(values: ContextValues): Identity {
  return values.get(identityKey);
}

/** The user who is calling. Throws TOKEN_REQUIRED without one. */
export function userOf(values: ContextValues): Principal {
  return userIn(identityOf(values));
}
