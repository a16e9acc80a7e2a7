import { type DescMethod, getOption } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { edge } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { nameOf } from './method-name.ts';
import { maxRequestBytes } from './limits.ts';

/** What a method's definition says of a call besides its message (signet.policy.v1.edge). */
export interface EdgeRule {
  /** Request cookies that the service gets, without `__Host-`. */
  readonly cookies: readonly string[];
  /** Cookies that the service may set, without `__Host-`. */
  readonly setCookies: readonly string[];
  /** Request headers that the service gets, in lower case. */
  readonly headers: readonly string[];
  /** Largest request message, in bytes. */
  readonly maxRequestBytes: number;
  /** Longest time for a unary call, in milliseconds. */
  readonly timeoutMs: number;
}

/** Longest time for a call of a method that says nothing, ms. */
const longestCall = 15_000;

/** Most that a method may take: a message is read whole, into memory. */
const mostRequestBytes = 4 * 1024 * 1024;

/** Longest timeout that a method may have, ms: nobody waits longer for an answer. */
const longestTimeout = 600_000;

const cookieForm = /^[a-z][a-z0-9_-]{0,63}$/;
const headerForm = /^[a-z][a-z0-9-]{0,63}$/;

/** Headers that travel by themselves, are the connection's, or claim an identity: no method is given them. */
const reserved =
  /^(?:authorization|cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-.*|proxy-.*|grpc-.*|connect-.*|x-(?:signet|user|gateway|forwarded|request)-.*|forwarded|traceparent|tracestate)$/;

/** Rules that were read before: an option is decoded each time that it is asked for. */
const known = new WeakMap<DescMethod, EdgeRule>();

/** The rule that a method's definition declares, or the defaults. @throws Error where it makes no sense */
export function edgeRuleOf(method: DescMethod): EdgeRule {
  const found = known.get(method) ?? read(method);
  known.set(method, found);
  return found;
}

function read(method: DescMethod): EdgeRule {
  const { cookies, setCookies, headers, maxRequestBytes: bytes, timeout, $unknown = [] } = getOption(method, edge);
  const timeoutMs = timeout ? milliseconds(timeout) : longestCall;
  const faults = [
    ...faultsIn('cookies', cookies, (name) => cookieForm.test(name) && name !== 'signet_at'),
    ...faultsIn('set_cookies', setCookies, (name) => cookieForm.test(name)),
    ...faultsIn('headers', headers, (name) => headerForm.test(name) && !reserved.test(name)),
    ...(bytes < 0 || bytes > mostRequestBytes ? [`max_request_bytes is not within 0 to ${mostRequestBytes}`] : []),
    ...(timeoutMs > 0 && timeoutMs <= longestTimeout ? [] : ['timeout is not above 0 and at most 10 minutes']),
    ...(timeout && method.methodKind !== 'unary' ? ['timeout, and the method is not unary'] : []),
    ...($unknown.length > 0 ? ['it has a field that this build does not know'] : []),
  ];
  if (faults.length > 0) throw new Error(`${nameOf(method)} has no valid edge rule: ${faults.join(', ')}.`);
  return { cookies, setCookies, headers, maxRequestBytes: bytes || maxRequestBytes, timeoutMs };
}

function faultsIn(list: string, names: readonly string[], isValid: (name: string) => boolean): string[] {
  const faults = names.filter((name) => !isValid(name)).map((name) => `${list} has ${name}`);
  return new Set(names).size === names.length ? faults : [...faults, `${list} has a name twice`];
}

function milliseconds({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}
