import type { DescMethod, MessageShape } from '@bufbuild/protobuf';
import {
  createContextValues,
  createHandlerContext,
  type HandlerContext,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from '@connectrpc/connect';
import { runStreamingCall, runUnaryCall } from '@connectrpc/connect/protocol';
import { type RpcApp } from '#kit/call/app.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { traced, type ClientOptions, limitsOf, type Outgoing, outgoing } from '#kit/call/outgoing.ts';
import { callEnded } from '#kit/call/call-ended.ts';
import { peerKey } from '#kit/call/peer.ts';
import { streamUntilAborted } from '#kit/call/until-aborted.ts';

/**
 * Creates a transport to an app in the same process. It skips only the network: gate,
 * interceptors, validation and deadline apply as for any client. Messages are shared,
 * not copied: handlers must not change them.
 * @param to the app, or a function that returns it, if it is created later
 */
export function createInProcessTransport(to: RpcApp | (() => RpcApp), options: ClientOptions = {}): Transport {
  const appOf = typeof to === 'function' ? to : () => to;
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const app = appOf();
      const out = await outgoing(method, { signal, timeoutMs, header }, options);
      return traced(out, () =>
        runUnaryCall({
          ...limitsOf(out),
          req: {
            ...requestOf(method, out),
            stream: false,
            method,
            message: input,
            contextValues: contextValues ?? createContextValues(),
          },
          async next(req): Promise<UnaryResponse<typeof method.input, typeof method.output>> {
            const context = contextOf(method, out, req.signal);
            try {
              await app.gate(context);
              const message = (await app.unary(method, context, req.message)) as MessageShape<typeof method.output>;
              return { stream: false, ...responseOf(method, context), method, message };
            } finally {
              context.abort(callEnded);
            }
          },
        }),
      );
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const app = appOf();
      const out = await outgoing(method, { signal, timeoutMs, header }, { ...options, defaultTimeoutMs: Infinity });
      return traced(out, () =>
        runStreamingCall({
          ...limitsOf(out),
          req: {
            ...requestOf(method, out),
            stream: true,
            method,
            message: input,
            contextValues: contextValues ?? createContextValues(),
          },
          async next(req): Promise<StreamResponse<typeof method.input, typeof method.output>> {
            const context = contextOf(method, out, req.signal);
            try {
              await app.gate(context);
            } catch (error) {
              context.abort(callEnded);
              throw error;
            }
            // Ends the context and its timer when the messages end, and the messages when the caller stops.
            const end = () => context.abort(callEnded);
            const messages = streamUntilAborted(app.stream(method, context, req.message), context.signal, end);
            return {
              stream: true,
              ...responseOf(method, context),
              method,
              message: messages as AsyncIterable<never>,
            };
          },
        }),
      );
    },
  };
}

function requestOf(method: DescMethod, { header }: Outgoing) {
  return { service: method.parent, requestMethod: 'POST', url: `in-process:/${nameOf(method)}`, header };
}

function contextOf(method: DescMethod, { header, timeoutMs }: Outgoing, signal: AbortSignal) {
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: 'in-process',
    requestMethod: 'POST',
    url: `in-process:/${nameOf(method)}`,
    requestHeader: header,
    requestSignal: signal,
    ...(Number.isFinite(timeoutMs) ? { timeoutMs } : {}),
    contextValues: createContextValues().set(peerKey, { address: '', via: 'mesh' }),
  });
}

function responseOf(method: DescMethod, context: HandlerContext) {
  return { service: method.parent, header: context.responseHeader, trailer: context.responseTrailer };
}
