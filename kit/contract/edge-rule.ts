import { type DescMethod, getOption } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { edge } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { nameOf } from './method-name.ts';
import { maxRequestBytes } from './limits.ts';

/** What a call carries besides its message, and its limits (signet.policy.v1.edge). */
export interface EdgeRule {
  /** Request cookies that the service receives, without `__Host-`. */
  readonly cookies: readonly string[];
  /** Cookies that the service may set, without `__Host-`. */
  readonly setCookies: readonly string[];
  /** Request headers that the service receives, in lower case. */
  readonly headers: readonly string[];
  /** Maximum size of the request message, in bytes. */
  readonly maxRequestBytes: number;
  /** Timeout of a unary call, in milliseconds. */
  readonly timeoutMs: number;
}

/** Default timeout of a call, ms. */
const defaultTimeout = 15_000;

/** Upper bound of `max_request_bytes`: messages are read into memory as a whole. */
const requestBytesLimit = 4 * 1024 * 1024;

/** Upper bound of `timeout`, ms. */
const timeoutLimit = 600_000;

const cookieForm = /^[a-z][a-z0-9_-]{0,63}$/;
const headerForm = /^[a-z][a-z0-9-]{0,63}$/;

/** Headers that a rule must not name: they are always forwarded, belong to the connection, or claim an identity. */
const reserved =
  /^(?:authorization|cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-.*|proxy-.*|grpc-.*|connect-.*|x-(?:signet|user|gateway|forwarded|request)-.*|forwarded|traceparent|tracestate)$/;

/** Cache of edge rules, because `getOption` decodes the option on every call. */
const known = new WeakMap<DescMethod, EdgeRule>();

/** Returns the edge rule of a method, or the defaults. @throws Error if it is invalid */
export function edgeRuleOf(method: DescMethod): EdgeRule {
  const found = known.get(method) ?? read(method);
  known.set(method, found);
  return found;
}

function read(method: DescMethod): EdgeRule {
  const { cookies, setCookies, headers, maxRequestBytes: bytes, timeout, $unknown = [] } = getOption(method, edge);
  const timeoutMs = timeout ? milliseconds(timeout) : defaultTimeout;
  const faults = [
    ...faultsIn('cookies', cookies, (name) => cookieForm.test(name) && name !== 'signet_at'),
    ...faultsIn('set_cookies', setCookies, (name) => cookieForm.test(name)),
    ...faultsIn('headers', headers, (name) => headerForm.test(name) && !reserved.test(name)),
    ...(bytes < 0 || bytes > requestBytesLimit ? [`max_request_bytes is not within 0 to ${requestBytesLimit}`] : []),
    ...(timeoutMs > 0 && timeoutMs <= timeoutLimit ? [] : ['timeout is not above 0 and at most 10 minutes']),
    ...(timeout && method.methodKind !== 'unary' ? ['timeout is for unary methods only'] : []),
    ...($unknown.length > 0 ? ['it has an unknown field'] : []),
  ];
  if (faults.length > 0) throw new Error(`${nameOf(method)} has an invalid edge rule: ${faults.join(', ')}.`);
  return { cookies, setCookies, headers, maxRequestBytes: bytes || maxRequestBytes, timeoutMs };
}

function faultsIn(list: string, names: readonly string[], isValid: (name: string) => boolean): string[] {
  const faults = names.filter((name) => !isValid(name)).map((name) => `${list} has ${name}`);
  return new Set(names).size === names.length ? faults : [...faults, `${list} has a duplicate name`];
}

function milliseconds({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}
