import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the cart service. */
export const reasons = defineReasons({
  CART_FULL: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'A cart has at most 100 lines.',
  },
  QUANTITY_LIMIT: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'A line has at most 99 pieces.',
  },
  CURRENCY_MIXED: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'All products of a cart have the same currency.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
