import { create, type DescMethod, fromBinary, type Message } from '@bufbuild/protobuf';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { createContextValues } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type StatusObject,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { once } from 'node:events';
import type { Http2Server, IncomingHttpHeaders } from 'node:http2';
import { isIPv6 } from 'node:net';
import type { Readable } from 'node:stream';
import { failure, outward } from '#kit/errors/failure.ts';
import type { ConnectionLimit } from '#kit/net/connection-limit.ts';
import { cutSlowReader } from '#kit/net/slow-reader.ts';
import { quietGrpc } from './quiet-grpc.ts';
import { type RpcApp } from '#kit/call/app.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { toHeaders, toMetadata, toStatus } from '#kit/guard/grpc-metadata.ts';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { joinedHeader } from '#kit/guard/raw-headers.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { maxHeaderBytes, maxRequestBytes } from '#kit/contract/limits.ts';
import { encode } from '#kit/call/encoded.ts';
import { callEnded } from '#kit/call/call-ended.ts';
import { openContext, type OpenContext } from '#kit/call/context.ts';
import { lastOf } from '#kit/call/handler.ts';
import { peerKey } from '#kit/call/peer.ts';

/** A gRPC server on a port. */
export interface GrpcServer {
  readonly port: number;
  /** Accepts no more calls, waits for those in progress, then closes the remaining connections. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Serves an app over gRPC with grpc-js. The gate runs on the metadata, before a
 * message is read.
 * @throws Error if the port is not available
 */
export async function serveGrpc(
  app: RpcApp,
  options: {
    readonly port: number;
    readonly host?: string;
    readonly connections?: ConnectionLimit;
    /** Timeout of a client that does not read pending data, ms. Default 30,000. */
    readonly slowReaderTimeout?: number;
    /** See `connectionAge`, ms. */
    readonly connectionAge?: number;
  },
): Promise<GrpcServer> {
  const contexts = new WeakMap<Metadata, OpenContext>();
  const methods = new Map(
    app.services.flatMap((service) => service.methods.map((method) => [`/${nameOf(method)}`, method] as const)),
  );
  quietGrpc();
  const closing = new AbortController();
  const server = new Server({
    'grpc.max_receive_message_length': Math.max(maxRequestBytes, ...[...methods.values()].map(limitOf)),
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_connection_age_ms': options.connectionAge ?? connectionAge,
    interceptors: [admit(app, methods, contexts, closing.signal)],
  });
  for (const [path, method] of methods) {
    server.register(
      path,
      handlerOf(app, method, contexts),
      (message: Message) => encode(method.output, message),
      (bytes: Buffer) =>
        bytes.length > limitOf(method) ? tooLarge : fromBinary(method.input, bytes, { readUnknownFields: false }),
      kinds[method.methodKind],
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `${bracketed(options.host ?? '0.0.0.0')}:${options.port}`,
      ServerCredentials.createInsecure(),
      (error, bound) => (error ? reject(error) : resolve(bound)),
    );
  });
  guardSessions(server, options);
  return {
    port,
    async close(graceMs = 5_000) {
      // Ends streams, which may otherwise never end.
      closing.abort(failure('SERVICE_UNAVAILABLE', { retryAfter: 1 }));
      const timer = setTimeout(() => server.forceShutdown(), graceMs);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearTimeout(timer);
    },
  };
}

/**
 * Age at which a connection gets a GOAWAY, ms: behind a load balancer of connections, its caller then finds replicas that were
 * added. Calls in progress, and streams, go on. grpc-js varies it by a tenth, so that callers do not return together.
 */
const connectionAge = 60_000;

/** Placeholder for a message over its method's limit. grpc-js has only one limit for all methods, the largest. */
const tooLarge: Message = create(EmptySchema);

function limitOf(method: DescMethod): number {
  return edgeRuleOf(method).maxRequestBytes;
}

const kinds = {
  unary: 'unary',
  server_streaming: 'serverStream',
  client_streaming: 'clientStream',
  bidi_streaming: 'bidi',
} as const;

function admit(
  app: RpcApp,
  methods: ReadonlyMap<string, DescMethod>,
  contexts: WeakMap<Metadata, OpenContext>,
  closing: AbortSignal,
): ServerInterceptor {
  return (descriptor, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        const method = methods.get(descriptor.path);
        if (!method) return next();
        const begin = (metadata: Metadata) => contextOf(method, metadata, call, closing);
        let begun: OpenContext | undefined;
        async function receive(metadata: Metadata, proceed: (metadata: Metadata) => void): Promise<void> {
          if (sizeOf(metadata) > maxHeaderBytes) throw failure('HEADERS_TOO_LARGE');
          begun = begin(metadata);
          const refusal = await pass(app, begun);
          if (refusal) return call.sendStatus(refusal);
          contexts.set(metadata, begun);
          proceed(metadata);
        }
        next({
          onReceiveMetadata(metadata, proceed) {
            receive(metadata, proceed).catch(failed((status) => call.sendStatus(status)));
          },
          onReceiveMessage(message, proceed) {
            if (message !== tooLarge) return proceed(message);
            const why = failure('PAYLOAD_TOO_LARGE');
            if (begun) app.abandoned(begun, why);
            call.sendStatus(toStatus(why, begun?.responseHeader));
          },
          // Called whenever the call ends. Without a handler by now, the message was missing or invalid.
          onCancel() {
            if (!begun) return;
            begun.abort(callEnded);
            app.abandoned(begun, callEnded);
          },
        });
      },
    });
}

/** Returns the size of the metadata. grpc-js has no limit, and that of Node's HTTP/2 is 64 KiB. */
function sizeOf(metadata: Metadata): number {
  let size = 0;
  for (const [name, value] of Object.entries(metadata.toHttp2Headers())) {
    for (const one of [value].flat()) size += name.length + String(one ?? '').length;
  }
  return size;
}

function contextOf(
  method: DescMethod,
  metadata: Metadata,
  call: ServerInterceptingCallInterface,
  closing: AbortSignal,
): OpenContext {
  const deadline = Number(call.getDeadline());
  return openContext({
    method,
    protocolName: 'grpc',
    requestMethod: 'POST',
    url: `http://${call.getHost()}/${nameOf(method)}`,
    requestHeader: toHeaders(metadata),
    parents: method.methodKind === 'unary' ? [] : [closing],
    values: createContextValues().set(peerKey, { address: addressOf(call.getPeer()), via: 'mesh' }),
    timeoutMs: Number.isFinite(deadline) ? Math.max(0, deadline - Date.now()) : undefined,
  });
}

/** Runs the gate. Returns the status that ends the call if it is refused. */
async function pass(app: RpcApp, context: OpenContext): Promise<StatusObject | undefined> {
  try {
    await app.gate(context);
    return undefined;
  } catch (error) {
    context.abort(error);
    return toStatus(outward(error), context.responseHeader);
  }
}

function handlerOf(app: RpcApp, method: DescMethod, contexts: WeakMap<Metadata, OpenContext>): UntypedHandleCall {
  const begun = (metadata: Metadata): OpenContext => {
    const context = contexts.get(metadata);
    if (!context) throw new Error('the gate has not run');
    return context;
  };
  switch (method.methodKind) {
    case 'unary':
      return (call: ServerUnaryCall<Message, Message>, respond: sendUnaryData<Message>) => {
        const context = begun(call.metadata);
        answerOnce(call, context, respond, () => app.unary(method, context, call.request)).catch(failed(respond));
      };
    case 'client_streaming':
      return (call: ServerReadableStream<Message, Message>, respond: sendUnaryData<Message>) => {
        const context = begun(call.metadata);
        const answer = () => lastOf(app.stream(method, context, messagesOf(call)));
        answerOnce(call, context, respond, answer).catch(failed(respond));
      };
    case 'server_streaming':
    case 'bidi_streaming':
      return (call: ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>) => {
        const context = begun(call.metadata);
        const input = 'request' in call ? createAsyncIterable([call.request]) : messagesOf(call);
        const fail = failed((status) => call.emit('error', status));
        answerMany(call, context, app.stream(method, context, input)).catch(fail);
      };
  }
}

/** Ends a call if sending its result fails, for example because of a header that gRPC cannot carry. */
function failed(end: (status: StatusObject) => void) {
  return (error: unknown) => end(toStatus(outward(error)));
}

async function answerOnce(
  call: { sendMetadata(metadata: Metadata): void },
  context: OpenContext,
  respond: sendUnaryData<Message>,
  run: () => Promise<Message>,
): Promise<void> {
  try {
    const message = await run();
    call.sendMetadata(toMetadata(context.responseHeader));
    respond(null, message, toMetadata(context.responseTrailer));
  } catch (error) {
    respond(final(toStatus(outward(error), merged(context))));
  } finally {
    context.abort(callEnded);
  }
}

/**
 * Marks a handler's error as final: clients are told not to retry (gRFC A6 pushback).
 * Their retry policy is for unreachable servers; retrying a call that waited in vain
 * for the database or another service would triple the load.
 */
function final(status: StatusObject): StatusObject {
  status.metadata.set('grpc-retry-pushback-ms', '-1');
  return status;
}

async function answerMany(
  call: ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>,
  context: OpenContext,
  messages: AsyncIterable<Message>,
): Promise<void> {
  try {
    let sent = false;
    for await (const message of messages) {
      if (!sent) call.sendMetadata(toMetadata(context.responseHeader));
      sent = true;
      // Backpressure: a slow reader must not fill the memory.
      if (!call.write(message)) await once(call, 'drain', { signal: context.signal });
    }
    call.end(toMetadata(context.responseTrailer));
  } catch (error) {
    call.emit('error', toStatus(outward(error), merged(context)));
  } finally {
    context.abort(callEnded);
  }
}

/**
 * Adds to grpc-js's private HTTP/2 servers what it lacks: a limit of connections, a
 * timeout of clients that do not read, and joining of repeated `authorization` fields.
 */
function guardSessions(
  server: Server,
  { connections, slowReaderTimeout }: { readonly connections?: ConnectionLimit; readonly slowReaderTimeout?: number },
): void {
  const { http2Servers } = server as unknown as { http2Servers: Map<Http2Server, unknown> };
  for (const http2 of http2Servers.keys()) {
    http2.prependListener('session', (session) => {
      // Deferred: grpc-js's listener runs next and uses the socket.
      if (connections?.admit(session.socket) === false) setImmediate(() => session.destroy());
    });
    http2.prependListener('stream', (stream, headers: IncomingHttpHeaders, _flags: number, raw?: string[]) => {
      cutSlowReader(stream, slowReaderTimeout);
      const authorization = joinedHeader(raw ?? [], 'authorization');
      if (authorization !== undefined) headers.authorization = authorization;
    });
  }
}

/** Iterates the messages of a call. A plain `for await` would destroy the call before its status is sent. */
function messagesOf(call: Readable): AsyncIterable<Message> {
  return { [Symbol.asyncIterator]: () => call.iterator({ destroyOnReturn: false }) };
}

/** Merges headers into the trailers, because an error is sent with trailers only. */
function merged(context: OpenContext): Headers {
  const all = new CallHeaders(context.responseHeader);
  for (const [key, value] of context.responseTrailer) all.append(key, value);
  return all;
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
