import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { type ConnectError, createContextValues, type Transport } from '@connectrpc/connect';
import { runStreamingCall, runUnaryCall } from '@connectrpc/connect/protocol';
import { Client, type ClientDuplexStream, credentials, type Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { once } from 'node:events';
import { quietGrpc } from './quiet-grpc.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { fromStatus, toHeaders, toMetadata } from '#kit/guard/grpc-metadata.ts';
import { traced, type ClientOptions, limitsOf, type Outgoing, outgoing } from '#kit/call/outgoing.ts';

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
 */
export function createGrpcTransport(
  target: string,
  services: readonly DescService[],
  options: ClientOptions = {},
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
  return {
    close: () => client.close(),

    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const out = await outgoing(method, { signal, timeoutMs, header }, options);
      return traced(out, () =>
        runUnaryCall({
          ...limitsOf(out),
          req: { ...requestOf(method, out, contextValues), stream: false, method, message: input },
          next: (req) =>
            new Promise((resolve, reject) => {
              let head = new Headers();
              let answer: MessageShape<typeof method.output> | undefined;
              const call = client.makeUnaryRequest(
                `/${nameOf(method)}`,
                serializer(method.input),
                deserializer(method.output),
                req.message,
                toMetadata(req.header),
                deadlineOf(out),
                (_, message) => (answer = message),
              );
              call.on('metadata', (metadata: Metadata) => (head = toHeaders(metadata)));
              call.on('status', (ended: StatusObject) => {
                if (ended.code !== status.OK || !answer) return reject(fromStatus(ended));
                const trailer = toHeaders(ended.metadata);
                resolve({ stream: false, service: method.parent, method, header: head, trailer, message: answer });
              });
              onAbort(req.signal, () => call.cancel());
            }),
        }),
      );
    },

    async stream(method, signal, timeoutMs, header, input, contextValues) {
      // No default timeout for streams: only an explicit deadline ends one.
      const out = await outgoing(method, { signal, timeoutMs, header }, { ...options, defaultTimeoutMs: Infinity });
      return traced(out, () =>
        runStreamingCall({
          ...limitsOf(out),
          req: { ...requestOf(method, out, contextValues), stream: true, method, message: input },
          async next(req) {
            const call = client.makeBidiStreamRequest(
              `/${nameOf(method)}`,
              serializer(method.input),
              deserializer(method.output),
              toMetadata(req.header),
              deadlineOf(out),
            );
            onAbort(req.signal, () => call.cancel());
            const trailer = new Headers();
            // grpc-js emits an error once, possibly before the messages are read. The status has the same information.
            call.on('error', () => undefined);
            const ended = new Promise<ConnectError | undefined>((resolve) => {
              call.once('status', (end: StatusObject) => {
                toHeaders(end.metadata).forEach((value, key) => trailer.append(key, value));
                resolve(end.code === status.OK ? undefined : fromStatus(end));
              });
            });
            const head = new Promise<Headers>((resolve) => {
              call.once('metadata', (metadata: Metadata) => resolve(toHeaders(metadata)));
            });
            send(call, req.message).catch(() => call.cancel());
            const first = await Promise.race([head, ended]);
            if (first && !(first instanceof Headers)) throw first;
            return {
              stream: true,
              service: method.parent,
              method,
              header: first ?? new Headers(),
              trailer,
              message: received(call, ended),
            };
          },
        }),
      );
    },
  };
}

async function send<T>(call: ClientDuplexStream<T, unknown>, messages: AsyncIterable<T>): Promise<void> {
  for await (const message of messages) if (!call.write(message)) await once(call, 'drain');
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

function requestOf(method: DescMethod, { header }: Outgoing, contextValues = createContextValues()) {
  return { service: method.parent, requestMethod: 'POST', url: `/${nameOf(method)}`, header, contextValues };
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

function onAbort(signal: AbortSignal, cancel: () => void): void {
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
}
