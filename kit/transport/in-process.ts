import {
  create,
  type DescMessage,
  type DescMethod,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { createContextValues, type Transport } from '@connectrpc/connect';
import { type RpcApp } from '#kit/call/app.ts';
import { callEnded } from '#kit/call/call-ended.ts';
import { openContext, type OpenContext } from '#kit/call/context.ts';
import { traced, type ClientOptions, type Outgoing, outgoing } from '#kit/call/outgoing.ts';
import { peerKey } from '#kit/call/peer.ts';
import { streamUntilAborted } from '#kit/call/until-aborted.ts';
import { nameOf } from '#kit/contract/method-name.ts';

/**
 * Creates a transport to an app in the same process. It skips only the network: gate,
 * validation and deadline apply as for any client. Messages are shared, not copied:
 * handlers must not change them.
 * @param to the app, or a function that returns it, if it is created later
 */
export function createInProcessTransport(to: RpcApp | (() => RpcApp), options: ClientOptions = {}): Transport {
  const appOf = typeof to === 'function' ? to : () => to;
  return {
    async unary(method, signal, timeoutMs, header, input) {
      const app = appOf();
      const out = await outgoing(method, { signal, timeoutMs, header }, options);
      return traced(out, async () => {
        const context = contextOf(method, out);
        try {
          await app.gate(context);
          const message = await app.unary(method, context, create(method.input, input));
          return {
            stream: false,
            service: method.parent,
            method,
            header: context.responseHeader,
            trailer: context.responseTrailer,
            message: message as MessageShape<typeof method.output>,
          };
        } finally {
          context.abort(callEnded);
        }
      });
    },
    async stream(method, signal, timeoutMs, header, input) {
      const app = appOf();
      const out = await outgoing(method, { signal, timeoutMs, header }, { ...options, defaultTimeoutMs: Infinity });
      return traced(out, async () => {
        const context = contextOf(method, out);
        try {
          await app.gate(context);
          const messages = app.stream(method, context, created(method.input, input));
          return {
            stream: true,
            service: method.parent,
            method,
            header: context.responseHeader,
            trailer: context.responseTrailer,
            // Ends the context and its timer when the messages end, and the messages when the caller stops.
            message: streamUntilAborted(messages, context.signal, () =>
              context.abort(callEnded),
            ) as AsyncIterable<never>,
          };
        } catch (error) {
          context.abort(callEnded);
          throw error;
        }
      });
    },
  };
}

async function* created<D extends DescMessage>(
  desc: D,
  messages: AsyncIterable<MessageInitShape<D>>,
): AsyncIterable<Message> {
  for await (const message of messages) yield create(desc, message);
}

function contextOf(method: DescMethod, { header, timeoutMs, signal }: Outgoing): OpenContext {
  return openContext({
    method,
    protocolName: 'in-process',
    requestMethod: 'POST',
    url: `in-process:/${nameOf(method)}`,
    requestHeader: header,
    timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : undefined,
    parents: signal ? [signal] : [],
    values: createContextValues().set(peerKey, { address: '', via: 'mesh' }),
  });
}
