import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { Client, type ClientDuplexStream, credentials, type Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { once } from 'node:events';
import { parseTarget } from './channel/addresses.ts';
import { openChannel } from './channel/channel.ts';
import { openFramedSession } from './channel/framing/session.ts';
import { openNodeSession } from './channel/node-session.ts';
import { quietGrpc } from './quiet-grpc.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { fromStatus, toHeaders, toMetadata } from '#kit/guard/grpc-metadata.ts';
import { traced, type ClientOptions, type Outgoing, outgoing } from '#kit/call/outgoing.ts';

/** What carries unary calls: sessions of channel/, or grpc-js, which carries streams in any case. */
const sessions = { frames: openFramedSession, http2: openNodeSession };
export type UnaryChannel = keyof typeof sessions | 'grpc-js';

/** A Transport over a gRPC channel. */
export interface GrpcTransport extends Transport {
  /** Closes the channel. Calls in progress fail. */
  close(): void;
}

/** Largest response, bytes. Services limit requests; a page of 100 items of a list may have several MiB. */
const maxResponse = 64 * 1024 * 1024;

/**
 * Creates a Connect transport over a gRPC channel to a service. It balances over all
 * addresses of a name (round robin), retries idempotent methods if the service is
 * unavailable, and detects dead connections by keepalive.
 * @param target `host:port`, or any name that gRPC resolves (`dns:///user:8082`)
 * @param services services that will be called, for the retry policy
 * @param options.channel what carries unary calls. Default `frames`, at the least cost; forms of names that only
 * grpc-js knows (`unix:`) go over grpc-js
 */
export function createGrpcTransport(
  target: string,
  services: readonly DescService[],
  options: ClientOptions & { readonly channel?: UnaryChannel } = {},
): GrpcTransport {
  quietGrpc();
  const client = new Client(target, credentials.createInsecure(), {
    // A proxy in the environment is for the internet: it cannot reach services, and must not see their tokens.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config': JSON.stringify(serviceConfig(services)),
    'grpc.max_receive_message_length': maxResponse,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  const { channel: carrier = 'frames' } = options;
  const parsed = parseTarget(target);
  const channel = parsed && carrier !== 'grpc-js' ? openChannel(parsed, sessions[carrier]) : undefined;
  return {
    close() {
      channel?.close();
      client.close();
    },

    async unary(method, signal, timeoutMs, header, input) {
      const out = await outgoing(method, { signal, timeoutMs, header }, options);
      if (channel) {
        return traced(out, async () => {
          const answer = await channel.unary({
            path: `/${nameOf(method)}`,
            isIdempotent: method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN,
            ...out,
            message: toBinary(method.input, create(method.input, input)),
          });
          const message = fromBinary(method.output, answer.message);
          return {
            stream: false,
            service: method.parent,
            method,
            header: answer.header,
            trailer: answer.trailer,
            message,
          };
        });
      }
      return traced(
        out,
        () =>
          new Promise((resolve, reject) => {
            let head: Headers | undefined;
            let answer: MessageShape<typeof method.output> | undefined;
            const call = client.makeUnaryRequest(
              `/${nameOf(method)}`,
              serializer(method.input),
              deserializer(method.output),
              create(method.input, input),
              toMetadata(out.header),
              deadlineOf(out),
              (_, message) => (answer = message),
            );
            const release = cancelOnAbort(out.signal, call);
            call.on('metadata', (metadata: Metadata) => (head = toHeaders(metadata)));
            call.on('status', (ended: StatusObject) => {
              release();
              if (ended.code !== status.OK || !answer) return reject(errorOf(ended, out));
              const trailer = toHeaders(ended.metadata);
              resolve({
                stream: false,
                service: method.parent,
                method,
                header: head ?? new CallHeaders(),
                trailer,
                message: answer,
              });
            });
          }),
      );
    },

    async stream(method, signal, timeoutMs, header, input) {
      // No default timeout for streams: only an explicit deadline ends one.
      const out = await outgoing(method, { signal, timeoutMs, header }, { ...options, defaultTimeoutMs: Infinity });
      return traced(out, async () => {
        const call = client.makeBidiStreamRequest(
          `/${nameOf(method)}`,
          serializer(method.input),
          deserializer(method.output),
          toMetadata(out.header),
          deadlineOf(out),
        );
        const release = cancelOnAbort(out.signal, call);
        const trailer = new CallHeaders();
        // grpc-js emits an error once, possibly before the messages are read. The status has the same information.
        call.on('error', () => undefined);
        const ended = new Promise<ConnectError | undefined>((resolve) => {
          call.once('status', (end: StatusObject) => {
            release();
            toHeaders(end.metadata).forEach((value, key) => trailer.append(key, value));
            resolve(end.code === status.OK ? undefined : errorOf(end, out));
          });
        });
        const head = new Promise<Headers>((resolve) => {
          call.once('metadata', (metadata: Metadata) => resolve(toHeaders(metadata)));
        });
        send(call, method.input, input).catch(() => call.cancel());
        const first = await Promise.race([head, ended]);
        if (first instanceof Error) throw first;
        return {
          stream: true,
          service: method.parent,
          method,
          header: first ?? new CallHeaders(),
          trailer,
          message: received(call, ended),
        };
      });
    },
  };
}

async function send<D extends DescMessage>(
  call: ClientDuplexStream<MessageShape<D>, unknown>,
  desc: D,
  messages: AsyncIterable<MessageInitShape<D>>,
): Promise<void> {
  for await (const message of messages) if (!call.write(create(desc, message))) await once(call, 'drain');
  call.end();
}

async function* received<T>(call: ClientDuplexStream<never, T>, ended: Promise<ConnectError | undefined>) {
  try {
    for await (const message of call as AsyncIterable<T>) yield message;
    const error = await ended;
    if (error) throw error;
  } catch (error) {
    throw (await ended) ?? error;
  } finally {
    // Ends a call whose reader stops. No effect on an ended call.
    call.cancel();
  }
}

/** Returns the service config: round_robin, and retries of methods that the contract declares idempotent. */
function serviceConfig(services: readonly DescService[]) {
  const repeatable = services
    .flatMap((service) => service.methods)
    .filter((method) => method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN);
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: repeatable.map((method) => ({ service: method.parent.typeName, method: method.name })),
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff: '0.05s',
          maxBackoff: '0.5s',
          backoffMultiplier: 3,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      },
    ],
  };
}

function deadlineOf({ timeoutMs }: Outgoing) {
  return Number.isFinite(timeoutMs) ? { deadline: Date.now() + timeoutMs } : {};
}

function serializer<D extends DescMessage>(desc: D) {
  return (message: MessageShape<D>) => Buffer.from(toBinary(desc, message));
}

function deserializer<D extends DescMessage>(desc: D) {
  return (bytes: Buffer) => fromBinary(desc, bytes);
}

/** Cancels a call when a signal aborts. Returns a function that stops listening: the signal may outlive many calls. */
function cancelOnAbort(signal: AbortSignal | undefined, call: { cancel(): void }): () => void {
  if (!signal) return () => undefined;
  const cancel = () => call.cancel();
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

/** Returns the error of an ended call; that of its signal if the caller ended it. */
function errorOf(ended: StatusObject, { signal }: Outgoing): ConnectError {
  return signal?.aborted && ended.code === status.CANCELLED
    ? ConnectError.from(signal.reason, Code.Canceled)
    : fromStatus(ended);
}
