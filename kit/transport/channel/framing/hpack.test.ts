import * as fc from 'fast-check';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import type { Answer } from '../reply.ts';
import { fixedFields, maxFieldBytes, type Session } from '../session.ts';
import { readResponse } from './fields.ts';
import { ConnectionFault } from './frames.ts';
import { readBlock, requestEncoder, staticTable } from './hpack.ts';
import { decodeHuffman } from './huffman.ts';
import { openFramedSession } from './session.ts';

function encoded(encode: ReturnType<typeof requestEncoder>, header: Headers, timeout?: string): Buffer {
  return Buffer.from(encode(request(header, timeout), 1_000_000)!);
}

function fieldsOf(block: Buffer): string[] {
  const fields: string[] = [];
  expect(readBlock(block, (name, value) => fields.push(`${name}: ${value}`))).toBe(true);
  return fields;
}

const request = (header: Headers, timeout?: string) => ({
  path: '/a.B/C',
  timeout,
  header,
  body: Buffer.from('body'),
  maxBytes: 1,
});

test.each([
  // RFC 7541 appendix C.
  ['f1e3c2e5f23a6ba0ab90f4ff', 'www.example.com'],
  ['a8eb10649cbf', 'no-cache'],
  ['d07abe941054d444a8200595040b8166e082a62d1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
  // All bytes, as golang.org/x/net encodes them.
  [
    'ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffebfffffecfffffedfffffeeffff' +
      'fefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdf' +
      'd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a' +
      '3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebff' +
      'ffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7f' +
      'ffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff' +
      '93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7ff' +
      'f97fff8fffffe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4' +
      'ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5' +
      'fffffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf',
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1'),
  ],
])('decodes the Huffman code %s', (hex, text) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(decodeHuffman(bytes, 0, bytes.length)).toBe(text);
});

test.each([
  ['eight bits of padding', 'a8eb10649cbfff'],
  ['padding with a zero', 'a8eb10649cbe'],
  ['the code of the end of a text', 'ffffffff'],
])('refuses %s in a Huffman code', (_, hex) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(() => decodeHuffman(bytes, 0, bytes.length)).toThrow(ConnectionFault);
});

test.each([
  ['an index far beyond the table', [0xff, 0x7f]],
  ['index 62, the first of a dynamic table', [0xbe]],
  ['index 0', [0x80]],
  ['a name of a dynamic table', [0x0f, 0x2f, 0x01, 0x61]],
  ['a table that is not empty', [0x21]],
  ['a table after a field', [0x88, 0x20]],
  ['a number without an end', [0x00, 0x7f, 0x80]],
  ['a number of five bytes more', [0x00, 0x7f, 0x80, 0x80, 0x80, 0x80, 0x01]],
  ['a text that is cut', [0x00, 0x03, 0x61]],
  ['a name without a value', [0x00, 0x01, 0x61]],
])('refuses %s in a block', (_, bytes) => {
  expect(() => readBlock(Buffer.from(bytes), () => undefined)).toThrow(ConnectionFault);
});

test('reads each form of a field, and an empty table before the first', () => {
  expect(fieldsOf(Buffer.from([0x20, 0x88, 0x5f, 0x01, 0x78, 0x0f, 0x10, 0x01, 0x79, 0x10, 0x01, 0x61, 0x00]))).toEqual(
    [':status: 200', 'content-type: x', 'content-type: y', 'a: '],
  );
});

test('reads a list of the longest allowed size, and not one byte more', () => {
  const header = (length: number) => encoded(requestEncoder('x'), new CallHeaders({ a: 'x'.repeat(length) }));
  const base: string[] = [];
  readBlock(header(0), (name, value) => base.push(name + value));
  const rest = base.reduce((sum, field) => sum + field.length + 32, 0);
  expect(readBlock(header(maxFieldBytes - rest), () => undefined)).toBe(true);
  expect(readBlock(header(maxFieldBytes - rest + 1), () => undefined)).toBe(false);
});

test('a request has the fields of gRPC first, no header that only the channel sets, and an empty table once', () => {
  const encode = requestEncoder('host:1');
  const header = new CallHeaders({ authorization: 'Bearer x', te: 'gzip', 'grpc-timeout': '9S', 'x-name': 'é' });
  const first = encoded(encode, header, '5m');
  const second = encoded(encode, header, '5m');
  expect(first[0]).toBe(0x20);
  expect(first.subarray(1)).toEqual(second);
  expect(fieldsOf(second)).toEqual([
    ':method: POST',
    ':scheme: http',
    ':authority: host:1',
    ':path: /a.B/C',
    ...Object.entries(fixedFields)
      .filter(([name]) => !name.startsWith(':'))
      .map(([name, value]) => `${name}: ${value}`),
    'grpc-timeout: 5m',
    'authorization: Bearer x',
  ]);
  // Never indexed (RFC 7541 section 6.2.3): proxies on the way put it into no table either.
  expect(second.includes(Buffer.from('\x10\x0dauthorization'))).toBe(true);
});

describe('with node:http2', () => {
  const server = createServer();
  let session: Session;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { promise, resolve } = Promise.withResolvers<void>();
    const { port } = server.address() as AddressInfo;
    session = openFramedSession({ host: '127.0.0.1', port }, 'x:1', {
      ready: resolve,
      leaving: () => undefined,
      closed: () => undefined,
    });
    await promise;
  });
  afterAll(() => {
    session.destroy();
    server.close();
  });

  /** Calls the server, which answers with fields and trailers. */
  async function answerOf(fields: OutgoingHttpHeaders, trailers: OutgoingHttpHeaders = {}): Promise<Answer> {
    server.once('stream', (stream) => {
      stream.respond({ 'content-type': 'application/grpc', ...fields }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...trailers }));
      // Without a body if the status allows none.
      if (!stream.writableEnded) stream.end(Buffer.of(0, 0, 0, 0, 0));
    });
    const outcome = await session.call(request(new CallHeaders())).outcome;
    if ('message' in outcome) return outcome;
    throw outcome.error;
  }
  const textOf = (codes: fc.Arbitrary<number>, maxLength: number) =>
    fc.string({ unit: codes.map((code) => String.fromCodePoint(code)), maxLength, size: 'max' });

  test('requests are read as they were meant, whatever the length of a value', async () => {
    const text = textOf(fc.integer({ min: 0x20, max: 0x7e }), 20_000);
    await fc.assert(
      fc.asyncProperty(text, text, async (first, second) => {
        const seen = once(server, 'stream');
        const header = new CallHeaders({ 'x-first': first, cookie: 'a', 'x-second': second });
        const { cancel } = session.call(request(header));
        const [stream, headers] = await seen;
        stream.on('error', () => undefined);
        expect(headers).toMatchObject({
          'x-first': first.trim(),
          'x-second': second.trim(),
          cookie: 'a',
          ':path': '/a.B/C',
        });
        cancel();
      }),
      { numRuns: 60 },
    );
  });

  test('responses are read as they were meant', async () => {
    const text = textOf(fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 0xa1, max: 0xff })), 300);
    await fc.assert(
      fc.asyncProperty(text, text, async (first, last) => {
        const { header, trailer } = await answerOf(
          { 'x-first': first, 'set-cookie': ['a=1', 'b=2'] },
          { 'x-last': last },
        );
        expect(header.get('x-first')).toBe(first);
        expect(header.getSetCookie()).toEqual(['a=1', 'b=2']);
        expect(trailer.get('x-last')).toBe(last);
      }),
      { numRuns: 100 },
    );
  });

  test('the entries of the static table that a response can have are the same', async () => {
    const names = staticTable
      .slice(14)
      .flatMap(([name]) => (/^(?:content-type|transfer-encoding)$/.test(name) ? [] : [name]));
    expect(names).toHaveLength(45);
    const { header } = await answerOf(Object.fromEntries(names.map((name) => [name, `of ${name}`])));
    for (const name of names) expect(header.get(name)).toBe(`of ${name}`);
    const statuses = staticTable.flatMap(([name, value]) => (name === ':status' && value !== '200' ? [value] : []));
    expect(statuses).toHaveLength(6);
    for (const value of statuses) {
      const error: unknown = await answerOf({ ':status': Number(value) }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ rawMessage: `the response is not gRPC (HTTP ${value})` });
    }
  });
});

test('a block of random bytes is read or refused, and nothing else happens', () => {
  const read = (block: Buffer, areTrailers: boolean): unknown => {
    try {
      return readResponse(block, areTrailers);
    } catch (error) {
      return error;
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      for (const areTrailers of [true, false]) {
        const result = read(Buffer.from(bytes), areTrailers);
        expect(result instanceof Error ? result : new ConnectionFault(0, '')).toBeInstanceOf(ConnectionFault);
      }
    }),
    { numRuns: 5_000 },
  );
});
