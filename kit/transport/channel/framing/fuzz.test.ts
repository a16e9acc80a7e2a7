import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { framed } from '../reply.ts';
import { frame, frameFlag, frameType, uint32Frame, setting, settingsFrame } from './frames.ts';
import { done, noSettings, ok, startRawServer } from './raw-server.ts';
import { openFramedSession } from './session.ts';

const calls = 4;
const { endHeaders, endStream, ack, padded } = frameFlag;

/** What a server sends that does all that it may. */
const honest: readonly Buffer[] = [
  noSettings,
  settingsFrame([
    [setting.maxConcurrentStreams, 100],
    [setting.initialWindowSize, 20],
    [setting.maxFrameSize, 20_000],
  ]),
  frame(frameType.settings, ack, 0, Buffer.of()),
  frame(frameType.ping, 0, 0, Buffer.from('12345678')),
  ...Array.from({ length: calls }, (_, index) => 1 + 2 * index).flatMap((stream) => [
    uint32Frame(frameType.windowUpdate, stream, 1_000),
    frame(frameType.headers, 0, stream, ok.subarray(0, 5)),
    frame(frameType.continuation, endHeaders, stream, ok.subarray(5)),
    frame(
      frameType.data,
      padded,
      stream,
      Buffer.concat([Buffer.of(2), framed(Buffer.from(`of ${stream}`)), Buffer.alloc(2)]),
    ),
    frame(frameType.headers, endHeaders | endStream, stream, done),
  ]),
  uint32Frame(frameType.windowUpdate, 0, 1_000),
  frame(frameType.goAway, 0, 0, Buffer.of(0, 0, 0, 2 * calls - 1, 0, 0, 0, 0)),
];

/** Sends bytes in pieces to a session with calls in progress, and closes. Returns how the calls ended. */
async function play(bytes: Buffer, pieces: readonly number[]): Promise<string[]> {
  const server = await startRawServer();
  const closed = Promise.withResolvers<void>();
  const outcomes: Promise<string>[] = [];
  const session = openFramedSession(server.address, 'test:1', {
    ready() {
      for (let call = 0; call < calls; call += 1) {
        const { outcome } = session.call({
          path: '/t.T/Call',
          timeout: undefined,
          header: new CallHeaders(),
          body: framed(Buffer.alloc(200)),
          maxBytes: 1_000,
        });
        outcomes.push(
          outcome.then((result) => ('message' in result ? Buffer.from(result.message).toString() : 'failed')),
        );
      }
    },
    leaving: () => undefined,
    closed: () => closed.resolve(),
  });
  const { socket } = await server.accept();
  let at = 0;
  for (const piece of pieces) {
    socket.write(bytes.subarray(at, at + piece));
    at += piece;
    await new Promise(setImmediate);
  }
  socket.end(bytes.subarray(at));
  await closed.promise;
  expect(session.isOpen()).toBe(false);
  const ended = await Promise.all(outcomes);
  await server.close();
  return ended;
}

const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 10 });

test('a conversation means the same in pieces of any size', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, async (sizes) => {
      expect(await play(Buffer.concat(honest), sizes)).toEqual(['of 1', 'of 3', 'of 5', 'of 7']);
    }),
    { numRuns: 100 },
  );
});

/** Changes of a conversation: of single bytes, and of whole frames. */
const bytesChanged = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
const framesChanged = fc.array(fc.tuple(fc.constantFrom('drop', 'repeat', 'swap'), fc.nat()), { maxLength: 4 });

test('whatever a server sends, every call ends, and the session closes with its connection', async () => {
  await fc.assert(
    fc.asyncProperty(framesChanged, bytesChanged, fc.nat(), pieces, async (frameChanges, byteChanges, cut, sizes) => {
      const frames = [...honest];
      for (const [change, where] of frameChanges) {
        const index = 1 + (where % (frames.length - 1));
        const [taken] = frames.splice(index, 1);
        if (change === 'repeat') frames.splice(index, 0, taken!, taken!);
        if (change === 'swap') frames.splice(where % (index + 1), 0, taken!);
      }
      const bytes = Buffer.concat(frames);
      // Not in the first settings: without them there are no calls.
      const free = bytes.length - noSettings.length;
      for (const [where, byte] of byteChanges) bytes[noSettings.length + (where % free)] = byte;
      const ended = await play(cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes, sizes);
      expect([0, calls]).toContain(ended.length);
    }),
    { numRuns: 500 },
  );
});

test('whatever bytes a server sends, the session closes with its connection', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), pieces, async (bytes, sizes) => {
      expect(await play(Buffer.concat([noSettings, bytes]), sizes)).toEqual(
        Array.from({ length: calls }, () => 'failed'),
      );
    }),
    { numRuns: 200 },
  );
});
