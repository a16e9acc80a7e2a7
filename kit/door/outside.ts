import type { ConnectError, Interceptor } from '@connectrpc/connect';
import { withoutHttpStatus } from '#kit/errors/error-info.ts';
import { outward } from '#kit/errors/failure.ts';
import type { Gate } from '#kit/call/app.ts';

/** An error as RPC clients outside get it: the HTTP status of its reason is for the edge alone. */
function outside(error: unknown): ConnectError {
  return withoutHttpStatus(outward(error));
}

/** A gate whose refusals are for clients outside. */
export function outsideGate(gate: Gate): Gate {
  return async (context) => {
    try {
      await gate(context);
    } catch (error) {
      throw outside(error);
    }
  };
}

/** The outermost interceptor of a door: its errors are for clients outside. */
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
