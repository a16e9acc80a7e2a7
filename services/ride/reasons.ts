import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the ride service. */
export const reasons = defineReasons({
  RIDE_STATE: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The state of the ride does not allow this.',
  },
  RIDE_TAKEN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'Another raider has accepted the ride.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
