import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { access, type Authenticated } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import type { GuardReason } from '#kit/guard/reasons.ts';

/** A caller, described by its credentials. */
export interface Identity {
  readonly name: string;
  /** The owner of the bearer token: a user, a machine, or a service of the fleet. */
  readonly bearer?: {
    readonly kind: 'user' | 'machine' | 'service';
    readonly roles: readonly string[];
    /** Seconds since the sign-in. */
    readonly age: number;
  };
  /** The service whose token is in x-signet-caller. */
  readonly caller?: string;
  /** The machine whose token is misused in x-signet-caller. */
  readonly machineAsCaller?: string;
}

/** The outcome of the access rule; `admitted` means any response of the handler. */
export type Verdict = 'admitted' | 'UNIMPLEMENTED' | GuardReason;

/**
 * Computes who may call from the option in the contract alone. It is independent of the guard, so that the two can
 * disagree.
 */
export function expected(method: DescMethod, identity: Identity): Verdict {
  const { rule } = getOption(method, access);
  const { bearer, caller } = identity;
  switch (rule.case) {
    case 'public':
      return 'admitted';
    case 'internal':
      if (caller === undefined || !named(rule.value.callers, caller)) return 'CALLER_NOT_ALLOWED';
      return bearer && bearer.kind !== 'user' ? 'INVALID_TOKEN' : 'admitted';
    case 'authenticated':
      return ofUser(rule.value, identity);
    default:
      throw new Error(`${method.name} has no rule`);
  }
}

function ofUser(rule: Authenticated, { bearer, caller, machineAsCaller }: Identity): Verdict {
  if (!bearer) return 'TOKEN_REQUIRED';
  if (bearer.kind === 'service' || (bearer.kind === 'machine' && !rule.services)) return 'INVALID_TOKEN';
  if (machineAsCaller !== undefined) return 'CALLER_NOT_ALLOWED';
  if (rule.callers.length > 0 && (caller === undefined || !rule.callers.includes(caller))) return 'CALLER_NOT_ALLOWED';
  if (rule.roles.length > 0 && !rule.roles.some((role) => bearer.roles.includes(role))) return 'INSUFFICIENT_SCOPE';
  const { maxAuthAge } = rule;
  return maxAuthAge && bearer.age > Number(maxAuthAge.seconds) ? 'REAUTHENTICATION_REQUIRED' : 'admitted';
}

/** The outcome at the edge, where internal methods do not exist. */
export function expectedAtEdge(method: DescMethod, identity: Identity): Verdict {
  const { rule } = getOption(method, access);
  const isInternal = rule.case === 'internal' || (rule.case === 'authenticated' && rule.value.callers.length > 0);
  const { caller: _, machineAsCaller: _machine, ...outside } = identity;
  return isInternal ? 'UNIMPLEMENTED' : expected(method, outside);
}

function named(callers: readonly string[], caller: string): boolean {
  return callers.length === 0 || callers.includes(caller);
}
