import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';
import { grpcCall, overHttp2 } from './transports.ts';

let system: System;
let ada: Person;
beforeAll(async () => {
  system = await openSystem();
  ada = await system.person();
});
afterAll(() => system.close());
afterEach(expectWorking);

async function expectWorking(): Promise<void> {
  for (const [, base] of servers) expect(await send(base(), framed(Buffer.alloc(0)))).toBe('OK');
}

const servers: [string, () => string][] = [
  ['the edge', () => system.edge],
  ['the user service', () => `http://127.0.0.1:${system.userPort}`],
];

/** A message in a gRPC frame, whose declared length may be wrong. */
function framed(message: Buffer, { compressed = 0, length = message.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Field number 2 of the request: the bio. */
function bio(bytes: number): Buffer {
  const size = [];
  for (let left = bytes; left > 0; left >>>= 7) size.push((left & 127) | (left > 127 ? 128 : 0));
  return Buffer.concat([Buffer.of(0x12, ...size), Buffer.alloc(bytes, 'x')]);
}

async function send(base: string, body: Buffer, head: Record<string, string> = {}, token?: string): Promise<string> {
  const path = '/signet.user.v1.UserService/UpdateProfile';
  const way = overHttp2('', base, { ...grpcCall(path), ...head }, body);
  const { status } = await way.send(`Bearer ${token ?? ada.access}`);
  way.close();
  return status;
}

const gzip = { 'grpc-encoding': 'gzip' };

describe.each(servers)('gRPC at %s', (_, base) => {
  test('refuses a message of 9 MiB', async () => {
    expect(await send(base(), framed(bio(9 << 20)))).toBe('RESOURCE_EXHAUSTED');
  });

  test('refuses a message that decompresses to 64 MiB', async () => {
    expect(await send(base(), framed(gzipSync(bio(10)), { compressed: 1 }), gzip)).toBe('OK');
    expect(await send(base(), framed(gzipSync(bio(64 << 20)), { compressed: 1 }), gzip)).toBe('RESOURCE_EXHAUSTED');
  });

  test('does not decompress messages before authentication', async () => {
    const bomb = framed(gzipSync(bio(64 << 20)), { compressed: 1 });
    expect(await send(base(), bomb, gzip, 'x.y.z')).toBe('UNAUTHENTICATED');
  });

  test.each<[string, Buffer, Record<string, string>]>([
    ['a length that is too long', framed(bio(10), { length: 100 }), {}],
    ['a length of 4 GiB', framed(bio(10), { length: 0xffffffff }), {}],
    ['a length that is too short', framed(bio(10), { length: 3 }), {}],
    ['half a frame header', Buffer.of(0, 0), {}],
    ['no message', Buffer.alloc(0), {}],
    ['two messages', Buffer.concat([framed(bio(1)), framed(bio(2))]), {}],
    ['bytes that are not protobuf', framed(Buffer.from('{"bio":"x"}')), {}],
    ['a truncated field', framed(bio(10).subarray(0, 5)), {}],
    ['a varint of twenty bytes', framed(Buffer.alloc(20, 0xff)), {}],
    ['groups 10,000 deep', framed(Buffer.alloc(10_000, 0x0b)), {}],
    ['a string that is not UTF-8', framed(Buffer.from([0x12, 2, 0xc3, 0x28])), {}],
    ['a compressed message without an encoding', framed(gzipSync(bio(1)), { compressed: 1 }), {}],
    ['a message wrongly marked as compressed', framed(bio(1), { compressed: 1 }), gzip],
    ['a truncated compressed message', framed(gzipSync(bio(1)).subarray(0, 15), { compressed: 1 }), gzip],
    ['an unknown encoding', framed(bio(1), { compressed: 1 }), { 'grpc-encoding': 'zip' }],
    ['an invalid timeout', framed(bio(1)), { 'grpc-timeout': 'soon' }],
  ])('refuses %s, changes nothing and keeps serving', async (__, body, head) => {
    const before = (await system.rest('GET', '/users/profile', { token: ada.access })).json;
    expect(await send(base(), body, head)).not.toBe('OK');
    expect((await system.rest('GET', '/users/profile', { token: ada.access })).json).toEqual(before);
  });
});
