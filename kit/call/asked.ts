import { type DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';
import { accessOf } from '#kit/guard/access.ts';
import type { AccessRule } from '#kit/guard/rule.ts';
import type { Gate } from './app.ts';
import { type RateClassName, rateClassOf } from '#kit/contract/rate-class.ts';

/** What a gate looks at, of a call of a method and of any other HTTP request alike. */
export interface Asked {
  /** Who may ask. */
  readonly access: AccessRule;
  /** The budget that it counts against. */
  readonly rate: RateClassName;
  /** False where nothing changes, whoever asks. */
  readonly changesState: boolean;
  /** Pages of other sites may ask it, too: it takes no cookie, or protects itself. */
  readonly crossOrigin: boolean;
  readonly requestHeader: Headers;
  /** Headers for the answer, an error's too. */
  readonly responseHeader: Headers;
  readonly values: ContextValues;
}

/** A gate of calls and of other HTTP requests. Throws to refuse. */
export type AskedGate = (asked: Asked) => Promise<void>;

/** A method changes something unless the contract says that it does not. */
export function changesState({ idempotency }: DescMethod): boolean {
  return idempotency !== Idempotency.NO_SIDE_EFFECTS;
}

/** The gate for calls: what it looks at is in the method's definition. */
export function ofCalls(gate: AskedGate): Gate {
  return async ({ method, requestHeader, responseHeader, values }: HandlerContext) =>
    gate({
      access: accessOf(method),
      rate: rateClassOf(method),
      changesState: changesState(method),
      crossOrigin: false,
      requestHeader,
      responseHeader,
      values,
    });
}
