import { failure } from '#kit/errors/failure.ts';

/**
 * Why the signal of a call that has ended is aborted. One object for all: made
 * anew, each would carry a stack that nobody reads.
 */
export const over = failure('CANCELLED');
