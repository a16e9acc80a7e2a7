import type { Transport } from '@connectrpc/connect';
import { CallHeaders } from './call-headers.ts';
import { callerHeader } from './credentials.ts';
import { refusalReasonOf } from './error.ts';
import type { ServiceIdentity } from './service-identity.ts';

/**
 * Returns a transport that sends the service's token with each call. If the
 * token is refused (its signing key was revoked), a unary call is retried once
 * with a new token. The retry is safe: the guard refuses before the handler runs.
 */
export function asService(transport: Transport, identity: ServiceIdentity): Transport {
  async function attempt<T>(given: HeadersInit | undefined, call: (header: Headers) => Promise<T>): Promise<T> {
    const token = await identity.token();
    try {
      return await call(withToken(given, token));
    } catch (error) {
      if (!isRefused(error) || !identity.refused(token)) throw error;
      return call(withToken(given, await identity.token()));
    }
  }

  return {
    unary: (method, signal, timeoutMs, header, input, values) =>
      attempt(header, (sent) => transport.unary(method, signal, timeoutMs, sent, input, values)),
    async stream(method, signal, timeoutMs, header, input, values) {
      const token = await identity.token();
      try {
        const answer = await transport.stream(method, signal, timeoutMs, withToken(header, token), input, values);
        return { ...answer, message: watchRefusal(answer.message, token) };
      } catch (error) {
        if (isRefused(error)) identity.refused(token);
        throw error;
      }
    },
  };

  /** Passes the messages of a stream on and reports a refusal of the token. The client must reopen the stream. */
  async function* watchRefusal<T>(messages: AsyncIterable<T>, token: string): AsyncIterable<T> {
    try {
      yield* messages;
    } catch (error) {
      if (isRefused(error)) identity.refused(token);
      throw error;
    }
  }
}

function withToken(given: HeadersInit | undefined, token: string): Headers {
  const header = new CallHeaders(given);
  header.set(callerHeader, token);
  return header;
}

function isRefused(error: unknown): boolean {
  return refusalReasonOf(error) === 'CALLER_NOT_ALLOWED';
}
