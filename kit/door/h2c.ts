import { createServer as createHttp1, type RequestListener } from 'node:http';
import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import { createServer as createTcp, type Server as TcpServer, type Socket } from 'node:net';
import type { ConnectionLimit } from '#kit/net/connection-limit.ts';
import { cutSlowReader, slowReaderTimeout } from '#kit/net/slow-reader.ts';
import { maxHeaderBytes } from '#kit/contract/limits.ts';

/** Limits of a door's HTTP side. Times in ms, sizes in bytes. */
export interface HttpLimits {
  /** From a connection's first byte to the end of its headers. */
  readonly headersTimeout: number;
  /** From the end of a request's headers to the end of its body. */
  readonly requestTimeout: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeout: number;
  /** How long a peer may leave an answer unread. */
  readonly slowReaderTimeout: number;
  /** All headers of a request together. */
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

/** The first bytes of an HTTP/2 connection (RFC 9113 section 3.4). No HTTP/1.1 method begins so. */
const preface = 'PRI';

type Handler = (request: never, response: never) => void;

/** What Fastify asks of a server that it did not make itself. */
export type DoorServer = TcpServer & { closeIdleConnections(): void; closeAllConnections(): void };

/**
 * A cleartext server that speaks HTTP/1.1 and HTTP/2 (prior knowledge) on one
 * port: a connection's first three bytes decide.
 * @param connections closes a connection that is one too many
 */
export function createDoorServer(
  handler: Handler,
  limits: HttpLimits = httpLimits,
  connections?: ConnectionLimit,
): DoorServer {
  const http1 = createHttp1(
    { ...limits, connectionsCheckingInterval: 1_000, insecureHTTPParser: false },
    handler as unknown as RequestListener,
  );
  // Node checks its time limits from the moment that a server listens. This one is handed its connections instead.
  http1.emit('listening');
  // Nothing read, nothing written, while a request is under way.
  http1.setTimeout(limits.slowReaderTimeout, endIfDead(limits));
  http1.on('clientError', (error, socket) => {
    if (!server.emit('clientError', error, socket)) socket.destroy();
  });
  const { http2, sessions } = createHttp2Side(handler, limits);
  const sockets = new Set<Socket>();

  const server = createTcp({ noDelay: true }, (socket) => {
    if (connections?.admit(socket) === false) return void socket.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    sortOut(socket, limits.headersTimeout, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket));
  });
  server.once('close', () => http1.close());

  return Object.assign(server, {
    closeIdleConnections() {
      http1.closeIdleConnections();
      for (const session of sessions) session.close();
    },
    closeAllConnections() {
      for (const socket of sockets) socket.destroy();
    },
  });
}

/**
 * Ends a connection on which nothing moved for a while: at once where something
 * waits for the peer to read it, else once it was as quiet as an idle connection
 * may be. Node calls this after each such while, and not when something moved.
 */
function endIfDead({ slowReaderTimeout: period, keepAliveTimeout }: HttpLimits): (socket: Socket) => void {
  const quiet = new WeakMap<Socket, { readonly moved: number; readonly since: number }>();
  return (socket) => {
    // Idle between two requests: Node waits for longer then, and has waited.
    if (socket.writableLength > 0 || socket.timeout !== period) return void socket.destroy();
    const moved = socket.bytesRead + socket.bytesWritten;
    const known = quiet.get(socket);
    const since = known?.moved === moved ? known.since : performance.now() - period;
    if (performance.now() - since >= keepAliveTimeout) return void socket.destroy();
    quiet.set(socket, { moved, since });
    socket.setTimeout(period);
  };
}

/** Reads just enough of a connection to tell its protocol, then hands it on unread. */
function sortOut(socket: Socket, timeout: number, decide: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeout).unref();
  socket.on('close', () => clearTimeout(timer));
  const read = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const start = seen.toString('latin1', 0, preface.length);
    // Fewer bytes than tell: keep them and wait for the next, giving nothing back until it is decided.
    if (start.length < preface.length && preface.startsWith(start)) return;
    clearTimeout(timer);
    socket.off('data', read);
    socket.pause();
    socket.unshift(seen);
    decide(start === preface);
    // HTTP/2 reads what was given back by itself; read for it here, it would be lost.
    if (start !== preface) socket.resume();
  };
  socket.on('data', read);
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
    // Until a first request is whole, CONTINUATION frames could come for ever.
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
      // Not close(): that waits for a peer that may not be reading.
      if (open === 0) session.destroy();
    });
  });
  http2.on('stream', (stream) => {
    // HTTP/1.1 has this limit from Node itself.
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
