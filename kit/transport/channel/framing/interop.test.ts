import { Code, ConnectError } from '@connectrpc/connect';
import {
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  status,
} from '@grpc/grpc-js';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { type LocalServer, startServer } from '#kit/testing/local-server.ts';
import { findProgram, type Program } from '#kit/testing/programs.ts';
import { type Channel, openChannel, type UnaryCall } from '../channel.ts';
import { framed } from '../reply.ts';
import { openFramedSession } from './session.ts';

const file = (name: string) => path.join(import.meta.dirname, 'interop', name);

/** Debian package: python3-grpcio, which is for Debian's Python. */
const python: Program = {
  names: ['/usr/bin/python3 with grpcio'],
  path: existsSync('/usr/lib/python3/dist-packages/grpc') ? '/usr/bin/python3' : undefined,
};
/** Debian packages: golang-go, golang-google-grpc-dev. */
const goPath = '/usr/share/gocode';
const go = findProgram('go');
const goGrpc: Program = {
  names: ['go with google.golang.org/grpc'],
  path: existsSync(path.join(goPath, 'src/google.golang.org/grpc')) ? go.path : undefined,
};
/** Debian package: nghttp2-server. */
const nghttpd = findProgram('nghttpd');

const call = (changes: Partial<UnaryCall> = {}): UnaryCall => ({
  path: '/t.T/Echo',
  isIdempotent: false,
  header: new CallHeaders(),
  message: Buffer.from('hi'),
  timeoutMs: 60_000,
  signal: undefined,
  ...changes,
});

const open = (port: number): Channel =>
  openChannel({ authority: 'test:1', resolve: async () => [{ host: '127.0.0.1', port }] }, openFramedSession);

const errorOf = (work: Promise<unknown>): Promise<ConnectError> =>
  work.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => ConnectError.from(error),
  );

/** What a server of gRPC and the channel do together. */
function suite(start: () => Promise<{ readonly port: number; stop(): Promise<void>; close(): Promise<void> }>): void {
  let server: Awaited<ReturnType<typeof start>>;
  let channel: Channel;
  beforeAll(async () => {
    server = await start();
    channel = open(server.port);
  });
  afterAll(async () => {
    channel.close();
    await server.close();
  });

  test.each([0, 1, 16_384, 65_531, 65_536, 1_000_000, 3_500_000])('a message of %d bytes comes back', async (size) => {
    const message = Buffer.alloc(size, 'abc');
    expect(message.equals((await channel.unary(call({ message }))).message)).toBe(true);
  });

  test('headers and trailers come through, also long ones', async () => {
    for (const value of ['value', 'x'.repeat(7_000), 'a, b; c="d"']) {
      const { header, trailer } = await channel.unary(call({ header: new CallHeaders({ 'x-name': value }) }));
      expect(header.get('x-first')).toBe(value);
      expect(trailer.get('x-last')).toBe('trailer');
    }
  });

  test('an error has its code, message and trailers', async () => {
    const error = await errorOf(channel.unary(call({ path: '/t.T/Fail' })));
    expect([error.code, error.rawMessage]).toEqual([Code.NotFound, 'no café, 100%']);
    expect(error.metadata.get('x-last')).toBe('trailer');
    expect(error.metadata.get('x-bytes-bin')?.replace(/=+$/, '')).toBe('AP8');
  });

  test('500 calls at once', async () => {
    const messages = Array.from({ length: 500 }, (_, index) => Buffer.alloc(index * 20, String(index)));
    const answers = await Promise.all(messages.map((message) => channel.unary(call({ message }))));
    answers.forEach((answer, index) => expect(messages[index]!.equals(answer.message)).toBe(true));
  });

  test('calls that end by their deadline disturb no other', async () => {
    const late = Array.from({ length: 5 }, () => errorOf(channel.unary(call({ path: '/t.T/Wait', timeoutMs: 300 }))));
    for (let n = 0; n < 50; n += 1) await channel.unary(call({ message: Buffer.alloc(5_000) }));
    for (const { code } of await Promise.all(late)) expect(code).toBe(Code.DeadlineExceeded);
    await channel.unary(call());
  });

  test('a server that stops ends the calls that it has begun', async () => {
    const calls = Array.from({ length: 20 }, () => channel.unary(call({ message: Buffer.alloc(500_000) })));
    await calls[0];
    const stopped = server.stop();
    const ends = await Promise.all(
      calls.map((one) =>
        one.then(
          () => 'answered',
          (error: ConnectError) => error.code,
        ),
      ),
    );
    // Those of which nothing was sent find no other server.
    for (const end of ends) expect(['answered', Code.Unavailable]).toContain(end);
    expect(ends.filter((end) => end === 'answered').length).toBeGreaterThan(0);
    await stopped;
  });
}

describe('own frames with grpc-js', () => {
  suite(async () => {
    const server = new Server();
    const trailers = (bytes?: Buffer) => {
      const metadata = new Metadata();
      metadata.set('x-last', 'trailer');
      if (bytes) metadata.set('x-bytes-bin', bytes);
      return metadata;
    };
    const handlers: Record<string, handleUnaryCall<Buffer, Buffer>> = {
      Echo(request, reply) {
        const first = new Metadata();
        for (const name of request.metadata.get('x-name')) first.set('x-first', name);
        request.sendMetadata(first);
        reply(null, request.request, trailers());
      },
      Fail(_, reply) {
        reply({ code: status.NOT_FOUND, details: 'no café, 100%', metadata: trailers(Buffer.of(0, 255)) });
      },
      Wait: () => undefined,
    };
    const asBytes = (bytes: Buffer) => bytes;
    const method = (name: string): MethodDefinition<Buffer, Buffer> => ({
      path: `/t.T/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asBytes,
      requestDeserialize: asBytes,
      responseSerialize: asBytes,
      responseDeserialize: asBytes,
    });
    server.addService(Object.fromEntries(Object.keys(handlers).map((name) => [name, method(name)])), handlers);
    const bind = promisify(server.bindAsync.bind(server));
    return {
      port: await bind('127.0.0.1:0', ServerCredentials.createInsecure()),
      stop: promisify(server.tryShutdown.bind(server)),
      close: async () => server.forceShutdown(),
    };
  });
});

describeWith([python], "own frames with Python's grpcio", () => {
  suite(() => startServer({ program: python, args: (port) => [file('echo.py'), String(port)], ready: 'ready' }));
});

describeWith([goGrpc], 'own frames with grpc-go', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'signet-go-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  suite(async () => {
    const program = path.join(folder, 'echo');
    const env = { ...process.env, GO111MODULE: 'off', GOPATH: goPath, GOFLAGS: '' };
    const built = spawnSync(go.path!, ['build', '-o', program, file('echo.go')], { env, encoding: 'utf8' });
    if (built.status !== 0) throw new Error(built.stderr);
    return startServer({ program: { names: ['echo'], path: program }, args: (port) => [String(port)], ready: 'ready' });
  });
});

describeWith([nghttpd], 'own frames with nghttpd', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'signet-nghttpd-'));
  let server: LocalServer;
  let channel: Channel;
  beforeAll(async () => {
    writeFileSync(path.join(folder, 'types'), 'application/grpc grpc\n');
    writeFileSync(path.join(folder, 'small.grpc'), framed(Buffer.from('small')));
    writeFileSync(path.join(folder, 'large.grpc'), framed(Buffer.alloc(5_000_000, 'x')));
    server = await startServer({
      program: nghttpd,
      args: (port) => [
        '--verbose',
        '--no-tls',
        '--address=127.0.0.1',
        `--htdocs=${folder}`,
        `--mime-types-file=${path.join(folder, 'types')}`,
        '--trailer=grpc-status: 0',
        '--trailer=x-last: trailer',
        '--padding=100',
        '--push=/small.grpc=/large.grpc',
        '--max-concurrent-streams=3',
        String(port),
      ],
      ready: 'listen',
    });
    channel = open(server.port);
  });
  afterAll(async () => {
    channel.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('small and large responses with padding come whole, 100 at once where the server allows three', async () => {
    const calls = Array.from({ length: 100 }, (_, index) =>
      channel.unary(call({ path: index % 10 === 0 ? '/large.grpc' : '/small.grpc', message: Buffer.alloc(2_000) })),
    );
    for (const [index, { message, trailer }] of (await Promise.all(calls)).entries()) {
      expect(message.length).toBe(index % 10 === 0 ? 5_000_000 : 5);
      expect(trailer.get('x-last')).toBe('trailer');
    }
  });

  test('a response that is not gRPC is an error', async () => {
    const error = await errorOf(channel.unary(call({ path: '/none' })));
    expect([error.code, error.rawMessage]).toEqual([Code.Unimplemented, 'the response is not gRPC (HTTP 404)']);
  });
});
