import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the notification service. */
export const reasons = defineReasons({
  PREFERENCE_LOCKED: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'This preference cannot be changed.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
