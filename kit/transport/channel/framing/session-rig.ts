import { Code } from '@connectrpc/connect';
import { afterEach } from 'vitest';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { framed } from '../reply.ts';
import type { Request, Session } from '../session.ts';
import { frame, frameType } from './frames.ts';
import { noSettings, type RawPeer, type RawServer, startRawServer } from './raw-server.ts';
import { openFramedSession } from './session.ts';

const closing: (() => unknown)[] = [];
/** Closes what the tests of a file have opened, after each test. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });
}

/** A session and the server that the test plays. */
export interface Rig {
  readonly server: RawServer;
  readonly session: Session;
  readonly peer: RawPeer;
  readonly events: string[];
  readonly closed: Promise<Error | undefined>;
}

/** Opens a session to a server that the test plays. */
export async function open(settings: Buffer = noSettings): Promise<Rig> {
  const server = await startRawServer();
  closing.push(() => server.close());
  const events: string[] = [];
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<Error | undefined>();
  const session = openFramedSession(server.address, 'test:1', {
    ready: () => ready.resolve(void events.push('ready')),
    leaving: () => void events.push('leaving'),
    closed(error) {
      events.push('closed');
      closed.resolve(error);
      ready.resolve();
    },
  });
  closing.push(() => session.destroy());
  const peer = await server.accept();
  peer.send(settings);
  await ready.promise;
  return { server, session, peer, events, closed: closed.promise };
}

/** A request with changes. */
export const request = (changes: Partial<Request> = {}): Request => ({
  path: '/t.T/Call',
  timeout: undefined,
  header: new CallHeaders(),
  body: framed(Buffer.from('hi')),
  maxBytes: 1_000_000,
  ...changes,
});

/** Returns the text of an answer, or the error as text. */
export async function resultOf({ outcome }: ReturnType<Session['call']>): Promise<string> {
  const result = await outcome;
  if ('message' in result) return Buffer.from(result.message).toString();
  return `${Code[result.error.code]}${result.isUnseen ? ', unseen' : ''}`;
}

/** The numbers of RST_STREAM frames. */
export const resetOf = async (peer: RawPeer) => {
  const { stream, payload } = await peer.next(frameType.resetStream);
  return [stream, payload.readUInt32BE(0)];
};

/** Waits until the session has acted on all that the server sent, and returns the bytes of data that it has sent. */
export async function settled(peer: RawPeer): Promise<number> {
  peer.send(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  await peer.next(frameType.ping);
  return peer.frames.reduce((sum, one) => sum + (one.type === frameType.data ? one.payload.length : 0), 0);
}
