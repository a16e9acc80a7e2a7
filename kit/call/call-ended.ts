import { failure } from '#kit/errors/failure.ts';

/** Abort reason of the signal of a call that has ended. Shared, because each new error would capture a stack trace. */
export const callEnded = failure('CANCELLED');
