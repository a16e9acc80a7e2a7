import { currentCall } from '#kit/call/call.ts';
import type { Actor } from '../rules/events.ts';

/** The caller of the method under way, for the audit events of what it does. */
export function currentActor(): Actor {
  const { identity, address: ip = '', requestId = '' } = currentCall() ?? {};
  return { id: identity?.user?.subject ?? identity?.caller?.service ?? '', ip, requestId };
}
