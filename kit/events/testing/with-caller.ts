import type { Transport } from '@connectrpc/connect';

/** A transport whose calls carry a token in x-signet-caller. */
export function withCaller(transport: Transport, token: string): Transport {
  const headers = { 'x-signet-caller': token };
  return {
    unary: (method, signal, timeoutMs, _, input, values) =>
      transport.unary(method, signal, timeoutMs, headers, input, values),
    stream: (method, signal, timeoutMs, _, input, values) =>
      transport.stream(method, signal, timeoutMs, headers, input, values),
  };
}
