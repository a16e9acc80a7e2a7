import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';

/**
 * Disables grpc-js's output to standard error, which includes invalid metadata with
 * its value, for example a token with one invalid byte.
 */
export function quietGrpc(): void {
  setLogVerbosity(logVerbosity.NONE);
}
