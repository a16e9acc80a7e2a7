import { describe, expect, test } from 'vitest';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { framed } from '../reply.ts';
import { fixedFields, windows } from '../session.ts';
import { errorCode, frame, frameType, setting, settingsFrame, uint32Frame, frameFlag } from './frames.ts';
import { answer, data, done, field, head, ok, trailers } from './raw-server.ts';
import { closeAfterEach, open, request, resetOf, resultOf, settled } from './session-rig.ts';

closeAfterEach();
const { ack, endHeaders, endStream, padded, priority } = frameFlag;

test('a session is ready with the settings of the server, allows no table and no push, and acknowledges', async () => {
  const { session, peer, events } = await open();
  expect(events).toEqual(['ready']);
  const { payload } = await peer.next(frameType.settings);
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  expect(settings.get(setting.headerTableSize)).toBe(0);
  expect(settings.get(setting.enablePush)).toBe(0);
  expect(settings.get(setting.initialWindowSize)).toBe(windows.stream);
  expect((await peer.next(frameType.settings)).flags).toBe(ack);
  const call = session.call(request());
  await peer.next(frameType.headers);
  peer.send(...answer(1));
  expect(await resultOf(call)).toBe('yes');
});

describe('what a server may do', () => {
  test('informational responses, padding, priority, unknown frames and settings, and updates after the end', async () => {
    const { session, peer } = await open(
      settingsFrame([
        [0x99, 1],
        [setting.headerTableSize, 0],
      ]),
    );
    const call = session.call(request());
    await peer.next(frameType.headers);
    const pad = (content: Buffer) => Buffer.concat([Buffer.of(3), content, Buffer.alloc(3)]);
    peer.send(
      head(1, field(':status', '103')),
      frame(0x77, 0xff, 1, Buffer.alloc(20)),
      frame(frameType.headers, endHeaders | padded | priority, 1, pad(Buffer.concat([Buffer.alloc(5), ok]))),
      frame(frameType.priority, 0, 9, Buffer.alloc(5)),
      frame(frameType.data, padded, 1, pad(framed(Buffer.from('yes')))),
      frame(frameType.data, 0, 1, Buffer.of()),
      trailers(1),
      uint32Frame(frameType.windowUpdate, 1, 5),
      uint32Frame(frameType.resetStream, 1, errorCode.none),
    );
    expect(await resultOf(call)).toBe('yes');
    const next = session.call(request());
    await peer.next(frameType.headers);
    peer.send(...answer(3, 'again'));
    expect(await resultOf(next)).toBe('again');
  });

  test('field blocks may be cut anywhere', async () => {
    const { session, peer } = await open();
    for (let cut = 0, stream = 1; cut <= ok.length; cut += 1, stream += 2) {
      const call = session.call(request());
      const rest = frame(frameType.continuation, endHeaders, stream, ok.subarray(cut));
      const last = frame(frameType.continuation, endHeaders, stream, done.subarray(cut));
      peer.send(head(stream, ok.subarray(0, cut), 0), rest, data(stream, 'yes'));
      peer.send(head(stream, done.subarray(0, cut), endStream), last);
      expect(await resultOf(call)).toBe('yes');
    }
  });

  test('bytes may come in pieces of any size', async () => {
    const { session, peer } = await open();
    for (const [index, size] of [1, 2, 7, 8, 9, 10, 11, 30].entries()) {
      const call = session.call(request());
      await peer.next(frameType.headers);
      const bytes = Buffer.concat(answer(1 + 2 * index));
      for (let at = 0; at < bytes.length; at += size) {
        peer.send(bytes.subarray(at, at + size));
        await new Promise(setImmediate);
      }
      expect(await resultOf(call)).toBe('yes');
    }
  });

  test('a ping is answered with its content', async () => {
    const { peer } = await open();
    peer.send(frame(frameType.ping, 0, 0, Buffer.from('12345678')));
    expect(await peer.next(frameType.ping)).toMatchObject({ flags: ack, payload: Buffer.from('12345678') });
  });

  test('a response that ends before the request is whole stops the request', async () => {
    const { session, peer } = await open();
    const call = session.call(request({ body: framed(Buffer.alloc(100_000)) }));
    await peer.next(frameType.headers);
    peer.send(trailers(1, Buffer.concat([ok, field('grpc-status', '8')])));
    expect(await resultOf(call)).toBe('ResourceExhausted');
    expect(await resetOf(peer)).toEqual([1, errorCode.none]);
    peer.send(uint32Frame(frameType.windowUpdate, 0, 100_000), uint32Frame(frameType.windowUpdate, 1, 100_000));
    expect(await settled(peer)).toBe(65_535);
  });

  test('a reset ends a call, which the server has not seen if it says so', async () => {
    const { session, peer } = await open();
    const calls = [session.call(request()), session.call(request())];
    await peer.next(frameType.headers);
    peer.send(uint32Frame(frameType.resetStream, 1, errorCode.refusedStream));
    peer.send(uint32Frame(frameType.resetStream, 3, errorCode.cancel));
    expect(await Promise.all(calls.map(resultOf))).toEqual(['Unavailable, unseen', 'Canceled']);
  });

  test('a reset after the response has begun does not mean that the server has not seen the call', async () => {
    const { session, peer } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    peer.send(head(1), uint32Frame(frameType.resetStream, 1, errorCode.refusedStream));
    expect(await call.outcome).toMatchObject({ isUnseen: false, hasResponded: true });
  });

  test('a response without trailers is an error', async () => {
    const { session, peer } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    peer.send(head(1), frame(frameType.data, endStream, 1, framed(Buffer.from('yes'))));
    expect(await call.outcome).toMatchObject({ error: { rawMessage: 'the response has no trailers' } });
  });

  test('many empty and tiny DATA frames take no more memory than their bytes', async () => {
    const { session, peer } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    const message = framed(Buffer.alloc(5_000, 'abc'));
    const empty = frame(frameType.data, 0, 1, Buffer.of());
    peer.send(head(1));
    for (const byte of message) peer.send(empty, frame(frameType.data, 0, 1, Buffer.of(byte)), empty);
    peer.send(trailers(1));
    expect((await resultOf(call)).length).toBe(5_000);
  });
});

describe('requests', () => {
  test('wait for the window of the connection, in turn', async () => {
    const { session, peer } = await open();
    const body = framed(Buffer.alloc(50_000));
    const calls = [session.call(request({ body })), session.call(request({ body }))];
    expect(await settled(peer)).toBe(65_535);
    peer.send(uint32Frame(frameType.windowUpdate, 0, 1));
    expect(await settled(peer)).toBe(65_536);
    peer.send(uint32Frame(frameType.windowUpdate, 0, 1_000_000));
    expect(await settled(peer)).toBe(2 * body.length);
    const streams = peer.frames.filter(({ type }) => type === frameType.data).map(({ stream }) => stream);
    expect(streams).toEqual(streams.toSorted((a, b) => a - b));
    peer.send(...answer(1), ...answer(3));
    expect(await Promise.all(calls.map(resultOf))).toEqual(['yes', 'yes']);
  });

  test('wait for the window of their stream, also if the server makes it smaller than what was sent', async () => {
    const { session, peer } = await open(settingsFrame([[setting.initialWindowSize, 100]]));
    void session.call(request({ body: framed(Buffer.alloc(995)) }));
    expect(await settled(peer)).toBe(100);
    peer.send(settingsFrame([[setting.initialWindowSize, 0]]), uint32Frame(frameType.windowUpdate, 1, 100));
    expect(await settled(peer)).toBe(100);
    peer.send(uint32Frame(frameType.windowUpdate, 1, 1));
    expect(await settled(peer)).toBe(101);
    peer.send(settingsFrame([[setting.initialWindowSize, 1_000]]));
    expect(await settled(peer)).toBe(1_000);
    expect(peer.frames.findLast(({ type }) => type === frameType.data)?.flags).toBe(endStream);
  });

  test('whose window becomes too large are reset, and no others', async () => {
    const { session, peer } = await open();
    const body = framed(Buffer.alloc(100_000));
    const [bad, zero] = [session.call(request({ body })), session.call(request({ body }))];
    await peer.next(frameType.headers);
    for (const bytes of [1, 2 ** 31 - 1]) peer.send(uint32Frame(frameType.windowUpdate, 1, bytes));
    peer.send(uint32Frame(frameType.windowUpdate, 3, 0));
    expect(await Promise.all([resultOf(bad), resultOf(zero)])).toEqual(['Internal', 'Internal']);
    expect([await resetOf(peer), await resetOf(peer)]).toEqual([
      [1, errorCode.flowControl],
      [3, errorCode.protocol],
    ]);
    expect(session.isOpen()).toBe(true);
  });

  test('use new settings only after their acknowledgement', async () => {
    const { session, peer } = await open(settingsFrame([[setting.initialWindowSize, 100]]));
    const call = session.call(request({ body: framed(Buffer.alloc(40_000)) }));
    expect(await settled(peer)).toBe(100);
    const before = peer.frames.length;
    peer.send(
      settingsFrame([
        [setting.initialWindowSize, 1_000_000],
        [setting.maxFrameSize, 32_768],
      ]),
    );
    await settled(peer);
    const types = peer.frames.slice(before).map(({ type }) => type);
    expect(types.indexOf(frameType.settings)).toBe(0);
    expect(types).toContain(frameType.data);
    peer.send(...answer(1));
    expect(await resultOf(call)).toBe('yes');
  });

  test('may have fields of the length that the server takes, and not one byte more', async () => {
    const { session, peer } = await open(settingsFrame([[setting.maxHeaderListSize, 2_000]]));
    const sizes = await Promise.all(
      [0, 1].map(async (more) => {
        // The fields of every request, and this one.
        const own = Object.entries({ ...fixedFields, ':authority': 'test:1', ':path': '/t.T/Call' });
        const used = own.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
        const value = 'x'.repeat(2_000 - used - 32 - 'x-long'.length + more);
        const call = session.call(request({ header: new CallHeaders({ 'x-long': value }) }));
        if (more === 0) peer.send(...answer(1));
        return resultOf(call);
      }),
    );
    expect(sizes).toEqual(['yes', 'ResourceExhausted']);
    await settled(peer);
    expect(peer.frames.filter(({ type }) => type === frameType.headers)).toHaveLength(1);
    expect(session.isOpen()).toBe(true);
  });

  test('that are cancelled while the server takes no more send no more', async () => {
    const { session, peer } = await open();
    const call = session.call(request({ body: framed(Buffer.alloc(100_000)) }));
    expect(await settled(peer)).toBe(65_535);
    call.cancel();
    peer.send(uint32Frame(frameType.windowUpdate, 0, 1_000_000), uint32Frame(frameType.windowUpdate, 1, 1_000_000));
    expect(await settled(peer)).toBe(65_535);
    expect(await resetOf(peer)).toEqual([1, errorCode.cancel]);
  });

  test('are cut into frames of the size that the server takes', async () => {
    const { session, peer } = await open(
      settingsFrame([
        [setting.maxFrameSize, 16_384],
        [setting.initialWindowSize, 1_000_000],
      ]),
    );
    peer.send(uint32Frame(frameType.windowUpdate, 0, 1_000_000));
    const header = new CallHeaders({ 'x-long': 'x'.repeat(40_000) });
    void session.call(request({ header, body: framed(Buffer.alloc(40_000)) }));
    await settled(peer);
    const sizes = (types: readonly number[]) =>
      peer.frames.filter(({ type }) => types.includes(type)).map(({ payload }) => payload.length);
    expect(sizes([frameType.data])).toEqual([16_384, 16_384, 40_005 - 32_768]);
    expect(sizes([frameType.headers, frameType.continuation])).toMatchObject([16_384, 16_384, expect.any(Number)]);
  });

  test('wait while the server allows no more at once, and are not sent if they are cancelled meanwhile', async () => {
    const { session, peer } = await open(settingsFrame([[setting.maxConcurrentStreams, 1]]));
    const calls = [1, 2, 3].map(() => session.call(request()));
    await settled(peer);
    const sent = () => peer.frames.filter(({ type }) => type === frameType.headers).map(({ stream }) => stream);
    expect(sent()).toEqual([1]);
    calls[1]!.cancel();
    expect(await resultOf(calls[1]!)).toBe('Canceled');
    peer.send(...answer(1));
    expect(await resultOf(calls[0]!)).toBe('yes');
    await settled(peer);
    expect(sent()).toEqual([1, 3]);
    peer.send(...answer(3));
    expect(await resultOf(calls[2]!)).toBe('yes');
    const more = [1, 2, 3].map(() => session.call(request()));
    peer.send(settingsFrame([[setting.maxConcurrentStreams, 3]]));
    await settled(peer);
    expect(sent()).toEqual([1, 3, 5, 7, 9]);
    peer.send(...answer(5), ...answer(7), ...answer(9));
    await Promise.all(more.map(resultOf));
  });

  test('that are cancelled reset their stream, and what still comes is ignored', async () => {
    const { session, peer } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    peer.send(head(1));
    call.cancel();
    call.cancel();
    expect(await resultOf(call)).toBe('Canceled');
    expect(await resetOf(peer)).toEqual([1, errorCode.cancel]);
    peer.send(data(1, 'late'), trailers(1));
    await settled(peer);
    expect(peer.frames.filter(({ type }) => type === frameType.resetStream)).toHaveLength(1);
    expect(session.isOpen()).toBe(true);
  });
});

describe('the end', () => {
  const goAway = (last: number, code: number = errorCode.none) => {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(last, 0);
    payload.writeUInt32BE(code, 4);
    return frame(frameType.goAway, 0, 0, payload);
  };

  test('after a GOAWAY the calls that it names end, later ones were not seen, and the connection closes', async () => {
    const { session, peer, events, closed } = await open();
    const calls = [session.call(request()), session.call(request())];
    await peer.next(frameType.headers);
    peer.send(goAway(2 ** 31 - 1));
    await expect.poll(() => events).toContain('leaving');
    expect(await resultOf(session.call(request()))).toBe('Unavailable, unseen');
    peer.send(goAway(1), ...answer(1));
    expect(await Promise.all(calls.map(resultOf))).toEqual(['yes', 'Unavailable, unseen']);
    expect(await closed).toBeUndefined();
    expect(events).toEqual(['ready', 'leaving', 'closed']);
  });

  test('after a GOAWAY with an error the calls that it names may still end, and the error says its code', async () => {
    const { session, peer, closed } = await open();
    const calls = [session.call(request()), session.call(request())];
    await settled(peer);
    peer.send(goAway(3, errorCode.enhanceYourCalm), ...answer(1));
    expect(await resultOf(calls[0]!)).toBe('yes');
    peer.socket.end();
    expect(await calls[1]!.outcome).toMatchObject({
      isUnseen: false,
      error: { cause: { message: 'the server closed the connection (code 11)' } },
    });
    expect(await closed).toBeInstanceOf(Error);
  });

  test('a call that waits when the server leaves was not seen', async () => {
    const { session, peer } = await open(settingsFrame([[setting.maxConcurrentStreams, 0]]));
    const call = session.call(request());
    peer.send(goAway(0));
    expect(await resultOf(call)).toBe('Unavailable, unseen');
  });

  test('a session that is closing ends when its last call is cancelled', async () => {
    const { session, peer, closed } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    session.close();
    call.cancel();
    expect(await closed).toBeUndefined();
  });

  test('a server that ends its side ends the calls, and gets no more', async () => {
    const { session, peer, closed } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    peer.socket.end();
    expect(await resultOf(call)).toBe('Unavailable');
    expect(session.isOpen()).toBe(false);
    await closed;
  });

  test('a call of which nothing was written was not seen', async () => {
    const { session, peer } = await open();
    const sent = session.call(request());
    await settled(peer);
    const unwritten = session.call(request());
    session.destroy();
    expect(await Promise.all([resultOf(sent), resultOf(unwritten)])).toEqual(['Unavailable', 'Unavailable, unseen']);
  });

  test('a server that reads nothing more delays the end by some seconds at most', async () => {
    const { session, peer, closed } = await open();
    const body = framed(Buffer.alloc(60_000));
    const first = session.call(request());
    await peer.next(frameType.headers);
    peer.send(...answer(1));
    await resultOf(first);
    peer.socket.pause();
    // More than the system's buffers take.
    const calls = Array.from({ length: 3_000 }, () =>
      session.call(request({ body, header: new CallHeaders({ 'x-long': 'x'.repeat(5_000) }) })),
    );
    for (const call of calls) call.cancel();
    session.close();
    expect(await closed).toBeUndefined();
  });

  test('closing waits for the calls in progress', async () => {
    const { session, peer, closed } = await open();
    const call = session.call(request());
    await peer.next(frameType.headers);
    session.close();
    session.close();
    expect(session.isOpen()).toBe(false);
    peer.send(...answer(1));
    expect(await resultOf(call)).toBe('yes');
    await peer.next(frameType.goAway);
    expect(await closed).toBeUndefined();
  });

  test('destroying ends the calls at once, sent or not', async () => {
    const { session, peer, closed } = await open(settingsFrame([[setting.maxConcurrentStreams, 1]]));
    const calls = [session.call(request()), session.call(request())];
    await peer.next(frameType.headers);
    session.destroy(new Error('enough'));
    expect(await Promise.all(calls.map(resultOf))).toEqual(['Unavailable', 'Unavailable, unseen']);
    expect(await closed).toMatchObject({ message: 'enough' });
  });

  test('the connection to a server that does not read its answers is closed', async () => {
    const { peer, closed } = await open();
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 500 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))));
    peer.socket.on('error', () => undefined);
    const sender = setInterval(() => peer.socket.write(pings), 1);
    expect(await closed).toMatchObject({ message: 'the server does not read the answers to its frames' });
    clearInterval(sender);
  });
});
