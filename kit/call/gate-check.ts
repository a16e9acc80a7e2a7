import { type DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';
import { accessOf } from '#kit/guard/access.ts';
import type { AccessRule } from '#kit/guard/rule.ts';
import type { Gate } from './app.ts';
import { type RateClassName, rateClassOf } from '#kit/contract/rate-class.ts';

/** What a gate checks: a call of a method or any other HTTP request. */
export interface GateRequest {
  /** Who may call. */
  readonly access: AccessRule;
  /** The rate limit class. */
  readonly rate: RateClassName;
  /** false if the request has no side effects. */
  readonly changesState: boolean;
  /** Whether pages of other sites may send it: it uses no cookie, or has its own protection. */
  readonly crossOrigin: boolean;
  readonly requestHeader: Headers;
  /** Headers of the response, also of an error. */
  readonly responseHeader: Headers;
  readonly values: ContextValues;
}

/** Checks a call or another HTTP request. Throws to refuse it. */
export type GateCheck = (request: GateRequest) => Promise<void>;

/** Returns whether a method may have side effects: it may, unless the contract says otherwise. */
export function changesState({ idempotency }: DescMethod): boolean {
  return idempotency !== Idempotency.NO_SIDE_EFFECTS;
}

/** Converts a check to a gate for calls, with the properties in the method's definition. */
export function toGate(check: GateCheck): Gate {
  return async ({ method, requestHeader, responseHeader, values }: HandlerContext) =>
    check({
      access: accessOf(method),
      rate: rateClassOf(method),
      changesState: changesState(method),
      crossOrigin: false,
      requestHeader,
      responseHeader,
      values,
    });
}
