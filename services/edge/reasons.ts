import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** The reasons that the edge service owns. */
export const reasons = defineReasons({
  CROSS_ORIGIN: {
    code: Code.PermissionDenied,
    status: 403,
    title: 'A request that changes something must come from our own pages or with an Authorization header.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
