import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { Surround } from '#kit/call/app.ts';
import { type Call, callKey, iterateInCall, runInCall, stageKey } from '#kit/call/call.ts';
import type { CallLog } from '#kit/call/call-log.ts';
import { streamUntilAborted, untilAborted } from '#kit/call/until-aborted.ts';
import { assertValid, validated } from '#kit/contract/validation.ts';
import { failure, outward, reasonOf } from '#kit/errors/failure.ts';
import { accessOf } from '#kit/guard/access.ts';
import { identityOf, isAdmitted } from '#kit/guard/connect.ts';
import type { createTokenWatch } from './token-watch.ts';

/**
 * Returns what surrounds every handler: it runs in its call's context with valid messages and until the call is over, its
 * errors leave by `outward`, and the end of the call is recorded. A user's stream ends with its token.
 */
export function surroundOf(log: CallLog, watchToken: ReturnType<typeof createTokenWatch> | undefined): Surround {
  /** Returns the call that the gate began, with the identity that it verified. */
  function begin({ method, values, requestHeader, signal }: HandlerContext): Call {
    const begun = values.get(callKey);
    if (!begun) throw failure('INTERNAL', { cause: new Error('the gate has not run') });
    if (!isAdmitted(values) && accessOf(method) !== 'public') {
      throw failure('INTERNAL', { cause: new Error('no guard is among the checks') });
    }
    values.set(stageKey, 'begun');
    const authorization = requestHeader.get('authorization');
    const identity = identityOf(values);
    const isUsersStream = method.methodKind !== 'unary' && identity.user !== undefined;
    return {
      ...begun,
      authorization,
      identity,
      signal: isUsersStream && watchToken ? watchToken(authorization, signal) : signal,
    };
  }
  return {
    async unary(context, input, handle) {
      const call = begin(context);
      try {
        assertValid(context.method.input, input);
        const output = await untilAborted(
          call.signal,
          () => runInCall(call, handle),
          (error) => log.late(call, error),
        );
        log.end(call);
        return output;
      } catch (error) {
        const failed = outward(error);
        log.end(call, failed);
        throw failed;
      }
    },
    stream(context, input, handle) {
      const call = begin(context);
      const output = masked(handle(validated(context.method.input, received(input))));
      return streamUntilAborted(
        iterateInCall(call, output),
        call.signal,
        (error) => log.end(call, error),
        (error) => log.late(call, error),
      );
    },
  };
}

/** Reports a connection that breaks between incoming messages as cancelled by the client, not as an internal error. */
async function* received<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code === Code.Aborted) throw failure('CANCELLED', { cause: error });
    // A too large message ends the stream, and the transport's error has no reason.
    if (error.code === Code.ResourceExhausted && reasonOf(error) === undefined) {
      throw failure('PAYLOAD_TOO_LARGE', { cause: error });
    }
    throw error;
  }
}

async function* masked<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw outward(error);
  }
}
