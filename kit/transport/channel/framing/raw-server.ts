import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Address } from '../session.ts';
import { framed } from '../reply.ts';
import { frame, frameFlag, FrameReader, frameType } from './frames.ts';

/** A frame of a client. */
export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The server's end of a connection in a test. */
export interface RawPeer {
  readonly socket: Socket;
  /** All frames of the client so far. */
  readonly frames: readonly Received[];
  send(...frames: readonly Buffer[]): void;
  /** Waits for the client's next frame of a type. */
  next(type: number): Promise<Received>;
}

/** A server that a test plays itself, byte by byte. */
export interface RawServer {
  readonly address: Address;
  /** Waits for the next connection. */
  accept(): Promise<RawPeer>;
  close(): Promise<void>;
}

/** Payload of a frame that a test may allow the client, bytes. */
const maxPayload = 1_000_000;

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length;

/** The server's settings: none. */
export const noSettings = frame(frameType.settings, 0, 0, Buffer.of());

/** A field, as a literal. */
export const field = (name: string, value: string) =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
/** The fields of a response. */
export const ok = Buffer.concat([Buffer.of(0x88), field('content-type', 'application/grpc')]);
/** The trailers of a successful one. */
export const done = field('grpc-status', '0');

/** A HEADERS frame. */
export const head = (stream: number, block: Buffer = ok, flags: number = frameFlag.endHeaders) =>
  frame(frameType.headers, flags, stream, block);
export const trailers = (stream: number, block: Buffer = done) =>
  head(stream, block, frameFlag.endHeaders | frameFlag.endStream);
/** A DATA frame with a message. */
export const data = (stream: number, text: string) => frame(frameType.data, 0, stream, framed(Buffer.from(text)));
/** A whole response. */
export const answer = (stream: number, text = 'yes') => [head(stream), data(stream, text), trailers(stream)];

/** Starts a server. */
export async function startRawServer(): Promise<RawServer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  const arrived: RawPeer[] = [];
  const waiting: ((peer: RawPeer) => void)[] = [];
  server.on('connection', (socket) => {
    sockets.add(socket);
    const peer = peerOn(socket);
    const wanted = waiting.shift();
    if (wanted) wanted(peer);
    else arrived.push(peer);
  });
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    accept: async () => arrived.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function peerOn(socket: Socket): RawPeer {
  const frames: Received[] = [];
  const read = new Map<number, number>();
  let toSkip = preface;
  let changed = Promise.withResolvers<void>();
  const reader = new FrameReader((type, flags, stream, payload) => {
    frames.push({ type, flags, stream, payload: Buffer.from(payload) });
    changed.resolve();
    changed = Promise.withResolvers();
  }, maxPayload);
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    const skipped = Math.min(toSkip, chunk.length);
    toSkip -= skipped;
    reader.push(chunk.subarray(skipped));
  });
  return {
    socket,
    frames,
    send: (...more) => void socket.write(Buffer.concat(more)),
    async next(type) {
      for (;;) {
        const found = frames.filter((one) => one.type === type)[read.get(type) ?? 0];
        if (found) {
          read.set(type, (read.get(type) ?? 0) + 1);
          return found;
        }
        await changed.promise;
      }
    },
  };
}
