import type { Transport } from '@connectrpc/connect';
import { callerHeader } from './credentials.ts';
import { refusalReasonOf } from './error.ts';
import type { ServiceIdentity } from './service-identity.ts';

/**
 * A transport whose calls carry a service's own token. Where the token is refused,
 * because the key that signed it was revoked, a call is made once more with a
 * new one: what is refused at the gate has done nothing yet.
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
        return { ...answer, message: noticing(answer.message, token) };
      } catch (error) {
        if (isRefused(error)) identity.refused(token);
        throw error;
      }
    },
  };

  /** The messages of a stream. It is for whoever opened it to open another. */
  async function* noticing<T>(messages: AsyncIterable<T>, token: string): AsyncIterable<T> {
    try {
      yield* messages;
    } catch (error) {
      if (isRefused(error)) identity.refused(token);
      throw error;
    }
  }
}

function withToken(given: HeadersInit | undefined, token: string): Headers {
  const header = new Headers(given);
  header.set(callerHeader, token);
  return header;
}

function isRefused(error: unknown): boolean {
  return refusalReasonOf(error) === 'CALLER_NOT_ALLOWED';
}
