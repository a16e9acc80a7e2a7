import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the catalog service. */
export const reasons = defineReasons({
  SKU_TAKEN: {
    code: Code.AlreadyExists,
    status: 409,
    title: 'A product with this SKU already exists.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
