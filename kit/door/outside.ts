import type { ConnectError, Interceptor } from '@connectrpc/connect';
import { withoutHttpStatus } from '#kit/errors/error-info.ts';
import { outward } from '#kit/errors/failure.ts';
import type { Gate } from '#kit/call/app.ts';

/** Converts an error for external RPC clients: without the HTTP status of its reason, which is only for the edge. */
function outside(error: unknown): ConnectError {
  return withoutHttpStatus(outward(error));
}

/** Wraps a gate to convert its errors for external clients. */
export function outsideGate(gate: Gate): Gate {
  return async (context) => {
    try {
      await gate(context);
    } catch (error) {
      throw outside(error);
    }
  };
}

/** The outermost interceptor of a door. It converts errors for external clients. */
export const outsideErrors: Interceptor = (next) => async (req) => {
  try {
    const res = await next(req);
    return res.stream ? { ...res, message: messages(res.message) } : res;
  } catch (error) {
    throw outside(error);
  }
};

async function* messages<T>(given: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* given;
  } catch (error) {
    throw outside(error);
  }
}
