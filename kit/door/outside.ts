import type { ConnectError } from '@connectrpc/connect';
import { withoutHttpStatus } from '#kit/errors/error-info.ts';
import { outward } from '#kit/errors/failure.ts';
import type { RpcApp } from '#kit/call/app.ts';

/** Returns what external RPC clients call: an app whose errors lack the HTTP status of their reason, which is only for the edge. */
export function outsideOf(app: RpcApp): Pick<RpcApp, 'gate' | 'unary' | 'stream'> {
  return {
    gate: (context) => app.gate(context).catch(refuse),
    unary: (...call) => app.unary(...call).catch(refuse),
    async *stream(...call) {
      try {
        yield* app.stream(...call);
      } catch (error) {
        throw outside(error);
      }
    },
  };
}

function outside(error: unknown): ConnectError {
  return withoutHttpStatus(outward(error));
}

function refuse(error: unknown): never {
  throw outside(error);
}
