import { currentCall } from '#kit/call/call.ts';
import type { Actor } from '../rules/events.ts';

/** The caller of the current call, as the actor of its audit events. */
export function currentActor(): Actor {
  const { identity, address: ip = '', requestId = '' } = currentCall() ?? {};
  return { id: identity?.user?.subject ?? identity?.caller?.service ?? '', ip, requestId };
}
