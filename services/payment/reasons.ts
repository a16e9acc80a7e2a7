import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the payment service. */
export const reasons = defineReasons({
  REFUND_TOO_LARGE: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The refund exceeds what is left of the payment.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
