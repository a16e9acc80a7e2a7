import { createServer as createHttp1, type RequestListener } from 'node:http';
import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import { createServer as createTcp, type Server as TcpServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { ConnectionLimit } from '#kit/net/connection-limit.ts';
import { cutSlowReader, slowReaderTimeout } from '#kit/net/slow-reader.ts';
import { maxHeaderBytes } from '#kit/contract/limits.ts';
import { plainHttp } from '#kit/rest/fastify-errors.ts';
import { createTlsSide, type DoorTls, handshakeRecord } from './tls.ts';

/** HTTP limits of a door. Times in ms, sizes in bytes. */
export interface HttpLimits {
  /** From a connection's first byte to the end of its headers. */
  readonly headersTimeout: number;
  /** From the end of a request's headers to the end of its body. */
  readonly requestTimeout: number;
  /** Timeout of an idle connection. */
  readonly keepAliveTimeout: number;
  /** Timeout of a response that the client does not read. */
  readonly slowReaderTimeout: number;
  /** Total size of a request's headers. */
  readonly maxHeaderSize: number;
}

/** The limits of every door. */
export const httpLimits: HttpLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 72_000,
  slowReaderTimeout,
  maxHeaderSize: maxHeaderBytes,
};

/** The first bytes of an HTTP/2 connection (RFC 9113 section 3.4). No HTTP/1.1 method begins with them. */
const preface = 'PRI';

type Handler = (request: never, response: never) => void;

/** Server interface that Fastify requires of a `serverFactory`. */
export type DoorServer = TcpServer & {
  closeIdleConnections(): void;
  closeAllConnections(): void;
  /** Closes the port once it has accepted the connections that wait for it: closing it resets those. */
  stopListening(): Promise<void>;
};

/** Turns of the event loop without a new connection before a port closes, and the most turns in all. */
const quietTurns = { wanted: 3, most: 200 };

/** How to create a door's server. */
export interface DoorServerOptions {
  readonly limits?: HttpLimits;
  /** Limit of open connections. */
  readonly connections?: ConnectionLimit | undefined;
  /** When it is aborted, clients are asked to close their connections. New ones are still served. */
  readonly draining?: AbortSignal | undefined;
  /** Default: no TLS. */
  readonly tls?: DoorTls | undefined;
}

/**
 * Creates a server for HTTP/1.1 and HTTP/2 on one port. Without TLS, the first three bytes of a connection determine the
 * protocol (HTTP/2 with prior knowledge); with TLS, the client negotiates it. A connection counts from its first packet.
 */
export function createDoorServer(handler: Handler, options: DoorServerOptions = {}): DoorServer {
  const { limits = httpLimits, connections, draining, tls } = options;
  const http1 = createHttp1(
    { ...limits, connectionsCheckingInterval: 1_000, insecureHTTPParser: false },
    handler as unknown as RequestListener,
  );
  // Node starts checking its timeouts when a server listens. This server gets its connections from the TCP server.
  http1.emit('listening');
  // Inactivity during a request.
  http1.setTimeout(limits.slowReaderTimeout, endIfDead(limits));
  http1.on('clientError', (error, socket) => {
    if (!server.emit('clientError', error, socket)) socket.destroy();
  });
  const { http2, sessions } = createHttp2Side(handler, limits);
  http1.prependListener('request', (_, response) => {
    if (draining?.aborted) response.shouldKeepAlive = false;
  });
  const drain = () => {
    for (const session of sessions) session.close();
  };
  draining?.addEventListener('abort', drain, { once: true });
  const sockets = new Set<Socket>();

  function serve(socket: Socket, isHttp2: boolean): void {
    (isHttp2 ? http2 : http1).emit('connection', socket);
  }
  const handshake =
    tls &&
    createTlsSide(tls, limits.headersTimeout, (socket) => {
      socket.on('error', () => socket.destroy());
      serve(socket, socket.alpnProtocol === 'h2');
    });

  let accepted = 0;
  const server = createTcp({ noDelay: true }, (socket) => {
    accepted += 1;
    if (connections?.admit(socket) === false) return void socket.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const keep = destroyAfter(limits.headersTimeout, socket);
    if (!handshake) {
      return peek(socket, beginsHttp2, (found) => {
        keep();
        serve(socket, found);
        // HTTP/2 reads the socket itself; resuming it here would lose the data.
        if (!found) socket.resume();
      });
    }
    peek(socket, beginsTls, (found) => {
      if (found) {
        keep();
        return handshake(socket);
      }
      // The timeout stays: the client may not close the connection.
      socket.resume();
      http1.emit('clientError', Object.assign(new Error('plain HTTP on a TLS port'), { code: plainHttp }), socket);
    });
  });
  server.once('close', () => {
    draining?.removeEventListener('abort', drain);
    http1.close();
  });

  return Object.assign(server, {
    closeIdleConnections() {
      http1.closeIdleConnections();
      for (const session of sessions) session.close();
    },
    closeAllConnections() {
      for (const socket of sockets) socket.destroy();
    },
    async stopListening() {
      for (let [turn, quiet] = [0, 0]; quiet < quietTurns.wanted && turn < quietTurns.most; turn++) {
        const before = accepted;
        await setImmediate();
        quiet = accepted === before ? quiet + 1 : 0;
      }
      server.close();
    },
  });
}

/** Closes a connection after a time, ms. The returned function cancels that. */
function destroyAfter(timeout: number, socket: Socket): () => void {
  const timer = setTimeout(() => socket.destroy(), timeout).unref();
  const cancel = () => clearTimeout(timer);
  socket.once('close', cancel);
  return cancel;
}

/** Whether a connection begins like HTTP/2. Undefined while there are not enough bytes. */
function beginsHttp2(seen: Buffer): boolean | undefined {
  const start = seen.toString('latin1', 0, preface.length);
  return start.length < preface.length && preface.startsWith(start) ? undefined : start === preface;
}

/** Whether a connection begins like TLS. */
function beginsTls(seen: Buffer): boolean {
  return seen[0] === handshakeRecord;
}

/** Reads the first bytes of a connection until `judge` decides, pushes them back, and pauses it. */
function peek(socket: Socket, judge: (seen: Buffer) => boolean | undefined, decide: (found: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const found = judge(seen);
    if (found === undefined) return;
    socket.off('data', read);
    socket.pause();
    socket.unshift(seen);
    decide(found);
  };
  socket.on('data', read);
}

/**
 * Returns the handler of Node's inactivity timeout. It closes an inactive connection:
 * at once if data waits for the client to read it, otherwise after the timeout of an
 * idle connection.
 */
function endIfDead({ slowReaderTimeout: period, keepAliveTimeout }: HttpLimits): (socket: Socket) => void {
  const quiet = new WeakMap<Socket, { readonly moved: number; readonly since: number }>();
  return (socket) => {
    // A different timeout means that the connection is idle between requests: Node's keep-alive timeout has passed.
    if (socket.writableLength > 0 || socket.timeout !== period) return void socket.destroy();
    const moved = socket.bytesRead + socket.bytesWritten;
    const known = quiet.get(socket);
    const since = known?.moved === moved ? known.since : performance.now() - period;
    if (performance.now() - since >= keepAliveTimeout) return void socket.destroy();
    quiet.set(socket, { moved, since });
    socket.setTimeout(period);
  };
}

function createHttp2Side(handler: Handler, limits: HttpLimits) {
  const sessions = new Set<ServerHttp2Session>();
  const http2 = createHttp2(
    {
      settings: { maxConcurrentStreams: 100, maxHeaderListSize: limits.maxHeaderSize },
      maxHeaderListPairs: 100,
      maxSessionInvalidFrames: 100,
    },
    handler as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  );
  http2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    // Limits the time of the first request's headers: a client could send CONTINUATION frames forever.
    const firstRequest = setTimeout(() => session.destroy(), limits.headersTimeout).unref();
    let open = 0;
    session.on('stream', (stream) => {
      clearTimeout(firstRequest);
      open++;
      stream.once('close', () => {
        open--;
        session.setTimeout(limits.keepAliveTimeout);
      });
      cutSlowReader(stream, limits.slowReaderTimeout);
    });
    session.once('close', () => clearTimeout(firstRequest));
    session.setTimeout(limits.keepAliveTimeout);
    session.on('timeout', () => {
      // Not close(): it waits for the client, which may not read.
      if (open === 0) session.destroy();
    });
  });
  http2.on('stream', (stream) => {
    // For HTTP/1.1 Node enforces this timeout.
    if (stream.endAfterHeaders) return;
    const timer = setTimeout(() => {
      if (!stream.readableEnded && !stream.destroyed) stream.close();
    }, limits.requestTimeout).unref();
    stream.once('end', () => clearTimeout(timer));
    stream.once('close', () => clearTimeout(timer));
  });
  http2.on('sessionError', () => undefined);
  return { http2, sessions };
}
