import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';

/**
 * Keeps grpc-js from writing to standard error. It writes there metadata that it
 * cannot take, value and all: a token with one odd byte in it, for everybody to read.
 */
export function quietGrpc(): void {
  setLogVerbosity(logVerbosity.NONE);
}
