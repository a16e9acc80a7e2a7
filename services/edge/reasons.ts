import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the edge service. */
export const reasons = defineReasons({
  CROSS_ORIGIN: {
    code: Code.PermissionDenied,
    status: 403,
    title: 'A request that changes state must come from a page of this site or have an Authorization header.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
