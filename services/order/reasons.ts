import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the order service. */
export const reasons = defineReasons({
  CART_EMPTY: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The cart is empty.',
  },
  PRICE_CHANGED: {
    code: Code.Aborted,
    status: 409,
    title: 'A price has changed. Look at the cart again.',
  },
  ORDER_STATE: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The state of the order does not allow this.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
