import { describe, expect, test } from 'vitest';
import { framed } from '../reply.ts';
import { windows } from '../session.ts';
import { errorCode, frame, frameType, setting, settingsFrame, uint32Frame, frameFlag } from './frames.ts';
import { answer, data, done, field, head, ok, trailers } from './raw-server.ts';
import { closeAfterEach, open, request, resetOf, resultOf, settled } from './session-rig.ts';

closeAfterEach();
const { ack, endHeaders, endStream, padded, priority } = frameFlag;

describe('a violation ends the connection with its code, and the calls', () => {
  const { protocol, frameSize, flowControl, compression, enhanceYourCalm } = errorCode;
  const zeros = (length: number) => Buffer.alloc(length);
  test.each<[string, readonly Buffer[], number]>([
    ['a frame larger than 16,384 bytes', [frame(frameType.data, 0, 1, zeros(16_385))], frameSize],
    ['a push', [frame(frameType.pushPromise, endHeaders, 1, Buffer.concat([zeros(4), ok]))], protocol],
    ['a response to a stream that was not opened', [head(5)], protocol],
    ['a response on a stream of the server', [head(2)], protocol],
    ['data on the connection', [frame(frameType.data, 0, 0, zeros(1))], protocol],
    ['a reset of a stream that was not opened', [uint32Frame(frameType.resetStream, 5, 0)], protocol],
    ['a reset of the wrong size', [frame(frameType.resetStream, 0, 1, zeros(5))], frameSize],
    ['a continuation without a beginning', [frame(frameType.continuation, endHeaders, 1, ok)], protocol],
    ['an interrupted field block', [head(1, ok, 0), frame(frameType.ping, 0, 0, zeros(8))], protocol],
    ['CONTINUATION on another stream', [head(1, ok, 0), frame(frameType.continuation, endHeaders, 3, ok)], protocol],
    [
      'a field block in too many frames',
      [head(1, ok, 0), ...Array.from({ length: 40 }, () => frame(frameType.continuation, 0, 1, zeros(0)))],
      enhanceYourCalm,
    ],
    ['a field of a dynamic table', [head(1, Buffer.of(0xbe))], compression],
    ['more padding than content', [frame(frameType.headers, endHeaders | padded, 1, Buffer.of(9, 0x88))], protocol],
    ['padding without its length', [frame(frameType.data, padded, 1, zeros(0))], frameSize],
    ['a priority that is cut', [frame(frameType.headers, endHeaders | priority, 1, zeros(3))], frameSize],
    ['a priority of the connection', [frame(frameType.priority, 0, 0, zeros(5))], protocol],
    ['a priority of the wrong size', [frame(frameType.priority, 0, 1, zeros(4))], frameSize],
    ['a ping of the wrong size', [frame(frameType.ping, 0, 0, zeros(7))], frameSize],
    ['a ping on a stream', [frame(frameType.ping, 0, 1, zeros(8))], protocol],
    ['settings of the wrong size', [frame(frameType.settings, 0, 0, zeros(5))], frameSize],
    ['settings on a stream', [frame(frameType.settings, 0, 1, zeros(0))], protocol],
    ['an acknowledgement with settings', [frame(frameType.settings, ack, 0, zeros(6))], frameSize],
    ['a server that allows to push', [settingsFrame([[setting.enablePush, 1]])], protocol],
    ['a window of 2^31', [settingsFrame([[setting.initialWindowSize, 2 ** 31]])], flowControl],
    ['frames of less than 16,384 bytes', [settingsFrame([[setting.maxFrameSize, 16_383]])], protocol],
    ['frames of 2^24 bytes', [settingsFrame([[setting.maxFrameSize, 2 ** 24]])], protocol],
    ['a GOAWAY of the wrong size', [frame(frameType.goAway, 0, 0, zeros(7))], frameSize],
    ['a WINDOW_UPDATE with increment 0', [uint32Frame(frameType.windowUpdate, 0, 0)], protocol],
    ['an update of the wrong size', [frame(frameType.windowUpdate, 0, 0, zeros(3))], frameSize],
    ['a window above 2^31 - 1', [uint32Frame(frameType.windowUpdate, 0, 2 ** 31 - 1)], flowControl],
    ['an update of a stream that was not opened', [uint32Frame(frameType.windowUpdate, 5, 1)], protocol],
  ])('%s', async (_, frames, code) => {
    const { session, peer, closed } = await open();
    const calls = [session.call(request()), session.call(request())];
    await settled(peer);
    peer.send(...frames);
    expect(await Promise.all(calls.map(resultOf))).toEqual(['Unavailable', 'Unavailable']);
    const { payload } = await peer.next(frameType.goAway);
    expect(payload.readUInt32BE(4)).toBe(code);
    expect(await closed).toBeInstanceOf(Error);
    expect(session.isOpen()).toBe(false);
    expect(await resultOf(session.call(request()))).toBe('Unavailable, unseen');
  });

  test.each([
    ['another first frame than SETTINGS', frame(frameType.ping, 0, 0, Buffer.alloc(8))],
    ['a server of HTTP/1', Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')],
  ])('%s', async (_, bytes) => {
    const { events, closed } = await open(bytes);
    expect(await closed).toBeInstanceOf(Error);
    expect(events).toEqual(['closed']);
  });

  test('the window of the connection grows as data comes, also that of calls which have ended', async () => {
    const { session, peer, closed } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    call.cancel();
    const whole = frame(frameType.data, 0, 1, zeros(16_384));
    // Twice the window in all, while the client takes it.
    for (let sent = 0; sent < 2 * windows.connection; sent += 16_384) {
      peer.send(whole);
      if (sent % (1024 * 1024) === 0) await settled(peer);
    }
    const updates = peer.frames.filter(({ type }) => type === frameType.windowUpdate);
    expect(updates.map(({ payload }) => payload.readUInt32BE(0)).slice(1)).toEqual(
      updates.slice(1).map(() => windows.connection / 2),
    );
    expect(updates.length).toBeGreaterThanOrEqual(4);
    expect(session.isOpen()).toBe(true);
    session.destroy();
    await closed;
  });
});

describe('a malformed response resets its stream only', () => {
  test.each<[string, (stream: number) => Buffer[]]>([
    ['without a status', (id) => [head(id, field('a', 'b'))]],
    ['with a field before the status', (id) => [head(id, Buffer.concat([field('a', 'b'), Buffer.of(0x88)]))]],
    ['with two statuses', (id) => [head(id, Buffer.of(0x88, 0x88))]],
    ['with a status that is no number', (id) => [head(id, field(':status', 'x'))]],
    ['with an unknown pseudo-field', (id) => [head(id, Buffer.concat([ok, field(':x', 'b')]))]],
    ['with an upper-case name', (id) => [head(id, Buffer.concat([ok, field('A', 'b')]))]],
    ['with an empty name', (id) => [head(id, Buffer.concat([ok, field('', 'b')]))]],
    ['with a line break in a value', (id) => [head(id, Buffer.concat([ok, field('a', 'b\r\nc')]))]],
    ['with a field of HTTP/1', (id) => [head(id, Buffer.concat([ok, field('connection', 'close')]))]],
    ['that begins with data', (id) => [data(id, 'x')]],
    ['with a status in the trailers', (id) => [head(id), trailers(id, Buffer.concat([Buffer.of(0x88), done]))]],
    ['with trailers that do not end it', (id) => [head(id), head(id, done)]],
    ['that is only information', (id) => [head(id, field(':status', '100'), endHeaders | endStream)]],
  ])('%s', async (_, frames) => {
    const { session, peer } = await open();
    const [bad, good] = [session.call(request()), session.call(request())];
    await peer.next(frameType.headers);
    peer.send(...frames(1), ...answer(3));
    expect(await resultOf(bad)).toBe('Internal');
    expect(await resetOf(peer)).toEqual([1, errorCode.protocol]);
    expect(await resultOf(good)).toBe('yes');
  });

  test('a field block above the limit', async () => {
    const { session, peer } = await open();
    const [bad, good] = [session.call(request()), session.call(request())];
    await settled(peer);
    const more = frame(frameType.continuation, 0, 1, Buffer.alloc(16_384));
    peer.send(head(1, Buffer.alloc(16_384), 0), more, more, more, more);
    peer.send(frame(frameType.continuation, endHeaders, 1, Buffer.of()), ...answer(3));
    expect(await resultOf(bad)).toBe('ResourceExhausted');
    expect(await resultOf(good)).toBe('yes');
  });

  test('a list of fields above the limit', async () => {
    const { session, peer } = await open();
    const [bad, good] = [session.call(request()), session.call(request())];
    await peer.next(frameType.headers);
    // Indexed fields count more than they are long.
    peer.send(head(1, Buffer.alloc(3_000, 0x88)), ...answer(3));
    expect(await resultOf(bad)).toBe('ResourceExhausted');
    expect(await resultOf(good)).toBe('yes');
  });

  test('the window of a stream grows as data comes', async () => {
    const { session, peer } = await open();
    const call = session.call(request({ maxBytes: 10 * windows.stream }));
    await peer.next(frameType.headers);
    const body = framed(Buffer.alloc(3 * windows.stream));
    peer.send(head(1));
    for (let at = 0; at < body.length; at += 16_384) {
      peer.send(frame(frameType.data, 0, 1, body.subarray(at, at + 16_384)));
      if (at % (256 * 1024) === 0) await settled(peer);
    }
    peer.send(trailers(1));
    expect(await call.outcome).toMatchObject({ message: { length: 3 * windows.stream } });
    const updates = peer.frames.filter(({ type, stream }) => type === frameType.windowUpdate && stream === 1);
    expect(updates.map(({ payload }) => payload.readUInt32BE(0))).toEqual(updates.map(() => windows.stream / 2));
  });
});
