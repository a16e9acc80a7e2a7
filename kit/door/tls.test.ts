import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { EchoRequestSchema, EchoResponseSchema, EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { currentCall } from '#kit/call/call.ts';
import { createLog, silentLog } from '#kit/log/log.ts';
import { type ConnectionLimit, createConnectionLimit } from '#kit/net/connection-limit.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type Authority, createAuthority, openssl } from '#kit/testing/authority.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { openCertificate } from './certificate.ts';
import { type Door, openDoor } from './door.ts';
import { handshakeRecord } from './tls.ts';

describeWith([openssl], 'a door with TLS', () => {
  let authority: Authority;
  let door: Door;
  const lines: Record<string, unknown>[] = [];
  const closers: (() => unknown)[] = [];
  const sockets: Socket[] = [];
  const begun: string[] = [];
  let open: (connections?: ConnectionLimit) => Promise<Door>;

  /** Puts a new certificate in place of the one that the door has. */
  function replace(names = 'DNS:localhost,IP:127.0.0.1'): string {
    const issued = authority.issue(names);
    renameSync(issued.key, authority.path('key.pem'));
    renameSync(issued.cert, authority.path('cert.pem'));
    return readFileSync(authority.path('cert.pem'), 'utf8');
  }

  beforeAll(async () => {
    authority = createAuthority();
    replace();
    const log = createLog({
      level: 'debug',
      format: 'json',
      destination: { write: (line) => void lines.push(JSON.parse(line)) },
    });
    const ready = async () => undefined;
    const app = createService({
      mounted: [
        mount(EchoService, {
          async echo({ text, wait }) {
            begun.push(text);
            if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
            return { text, seen: { address: currentCall()?.address ?? '' } };
          },
        }),
      ],
      checks: [],
      ready,
      reflection: false,
      log,
      metrics: noMetrics,
    });
    const config = {
      tlsCert: authority.path('cert.pem'),
      tlsKey: authority.path('key.pem'),
      environment: 'development',
    };
    const closing = { add: (close: () => unknown) => void closers.push(close) };
    const certificate = openCertificate(config, { log, metrics: noMetrics, closing, period: 50 });
    open = (connections) =>
      openDoor({ app, ready, log, port: 0, host: '127.0.0.1', certificate, ...(connections && { connections }) });
    door = await open();
  });
  afterEach(async () => {
    const left = sockets.splice(0).filter((socket) => !socket.closed);
    await Promise.all(left.map((socket) => closed(socket.destroy())));
  });
  afterAll(async () => {
    await door.close();
    for (const close of closers) await close();
    authority.remove();
  });

  const baseUrl = () => `https://localhost:${door.port}`;
  const ca = () => authority.pem;

  function tcp(port = door.port): Socket {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }
  /** Begins a TLS connection. */
  function begin(options: ConnectionOptions = {}): TLSSocket {
    const socket = connect({ port: door.port, host: '127.0.0.1', ca: ca(), servername: 'localhost', ...options });
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }
  async function secure(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = begin(options);
    await once(socket, 'secureConnect');
    return socket;
  }
  /** Unlike `once`, does not reject on an error. */
  const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));
  /** Waits for the end of a connection. Returns what it received and the error. */
  async function ended(socket: Socket): Promise<{ text: string; code: string | undefined }> {
    let [text, code]: [string, string | undefined] = ['', undefined];
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
    await closed(socket);
    return { text, code };
  }
  const pemOf = (socket: TLSSocket) => socket.getPeerX509Certificate()?.toString();
  const get = (path: string, host = 'localhost') =>
    `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;

  test.each([
    [
      'Connect over HTTP/1.1',
      () => createConnectTransport({ baseUrl: baseUrl(), httpVersion: '1.1', nodeOptions: { ca: ca() } }),
    ],
    [
      'Connect over HTTP/2',
      () => createConnectTransport({ baseUrl: baseUrl(), httpVersion: '2', nodeOptions: { ca: ca() } }),
    ],
    ['gRPC', () => createGrpcTransport({ baseUrl: baseUrl(), nodeOptions: { ca: ca() } })],
    ['gRPC-Web', () => createGrpcWebTransport({ baseUrl: baseUrl(), httpVersion: '1.1', nodeOptions: { ca: ca() } })],
  ])('speaks %s, and knows the address of the client', async (_, transport) => {
    const answer = await createClient(EchoService, transport()).echo({ text: 'hi' });
    expect([answer.text, answer.seen['address']]).toEqual(['hi', '127.0.0.1']);
  });

  test('speaks gRPC to grpc-js', async () => {
    const client = new Client(`localhost:${door.port}`, credentials.createSsl(Buffer.from(ca())));
    const answer = await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        '/signet.test.v1.EchoService/Echo',
        (text: string) => Buffer.from(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }))),
        (bytes) => fromBinary(EchoResponseSchema, bytes).text,
        'hi',
        (error, text) => (error ? reject(error) : resolve(text)),
      );
    });
    client.close();
    expect(answer).toBe('hi');
  });

  test('speaks REST, with Strict-Transport-Security', async () => {
    const sent = request(`${baseUrl()}/v1/echo`, { method: 'POST', ca: ca(), agent: false });
    sent.setHeader('content-type', 'application/json').end('{"text":"hi"}');
    const [answer] = await once(sent, 'response');
    expect([answer.statusCode, answer.headers['strict-transport-security']]).toEqual([
      200,
      expect.stringContaining('max-age=31536000'),
    ]);
    answer.resume();
    await once(answer, 'end');
  });

  test('serves clients that name no server, and that negotiate no protocol, over HTTP/1.1', async () => {
    const socket = await secure({ servername: '', checkServerIdentity: () => undefined });
    expect(socket.alpnProtocol).toBe(false);
    socket.write(get('/health'));
    expect((await ended(socket)).text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('negotiates HTTP/2 over %s', async (version) => {
    const session = connectHttp2(baseUrl(), { ca: ca(), minVersion: version, maxVersion: version });
    const stream = session.request({ ':path': '/health' });
    const [headers] = await once(stream, 'response');
    expect([headers[':status'], (session.socket as TLSSocket).getProtocol()]).toEqual([200, version]);
    session.destroy();
  });

  test('closes a connection whose client negotiates HTTP/2 and speaks HTTP/1.1', async () => {
    const socket = await secure({ ALPNProtocols: ['h2'] });
    socket.write(get('/health'));
    expect((await ended(socket)).text).not.toContain('HTTP/1.1 200');
  });

  test.each<[string, ConnectionOptions, RegExp]>([
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }, /PROTOCOL_VERSION/],
    ['a cipher without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }, /HANDSHAKE_FAILURE/],
    ['another protocol than HTTP', { ALPNProtocols: ['imap'] }, /NO_APPLICATION_PROTOCOL/],
  ])('refuses %s, with a line at level debug only', async (_, options, code) => {
    lines.length = 0;
    expect((await ended(begin(options))).code).toMatch(code);
    await expect.poll(() => lines).toMatchObject([{ level: 20, address: '127.0.0.1', msg: 'TLS handshake failed' }]);
  });

  test('refuses a renegotiation', async () => {
    const socket = await secure({ maxVersion: 'TLSv1.2' });
    const end = ended(socket);
    socket.renegotiate({}, () => undefined);
    expect((await end).code).toBe('ERR_SSL_NO_RENEGOTIATION');
  });

  test.each([
    ['HTTP/1.1', get('/health')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('answers %s without TLS with 400 and says what to use', async (_, sent) => {
    lines.length = 0;
    const socket = tcp();
    socket.write(sent);
    const { text } = await ended(socket);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      status: 400,
      code: 'INVALID_ARGUMENT',
      detail: 'This port speaks TLS: use https://.',
    });
    expect(lines).toMatchObject([{ level: 30, status: 400, msg: 'malformed request' }]);
  });

  test('answers malformed HTTP with 400', async () => {
    const socket = await secure();
    socket.write('GET\r\n\r\n');
    expect((await ended(socket)).text).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('unfinished handshakes count as connections, up to the limit of an address', async () => {
    const perAddress = 3;
    const limited = await open(createConnectionLimit({ total: 100, perAddress }, silentLog));
    onTestFinished(() => limited.close());
    const { port } = limited;
    const waiting = Array.from({ length: perAddress - 1 }, () => tcp(port));
    await Promise.all(
      waiting.map(async (socket) => {
        await once(socket, 'connect');
        // The beginning of a ClientHello.
        socket.write(Buffer.from([handshakeRecord, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
      }),
    );
    const last = await secure({ port });
    expect((await ended(begin({ port }))).code).toBe('ECONNRESET');
    expect(waiting.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    last.write(get('/health'));
    expect((await ended(last)).text).toMatch(/^HTTP\/1\.1 200 /);
    await expect
      .poll(() =>
        secure({ port }).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  test('new connections use a replaced certificate, and open ones stay', async () => {
    const first = readFileSync(authority.path('cert.pem'), 'utf8');
    const session = connectHttp2(baseUrl(), { ca: ca() });
    await once(session, 'connect');
    const before = await secure();
    expect(pemOf(before)).toBe(first);

    const second = replace();
    expect(second).not.toBe(first);
    await expect.poll(async () => pemOf(await secure())).toBe(second);
    const stream = session.request({ ':path': '/health' });
    expect((await once(stream, 'response'))[0][':status']).toBe(200);
    before.write(get('/health'));
    expect((await ended(before)).text).toMatch(/^HTTP\/1\.1 200 /);
    expect(session.closed).toBe(false);
    session.destroy();
  });

  test('a session of the old certificate is not resumed with the new one', async () => {
    const before = begin({ maxVersion: 'TLSv1.2' });
    const [session] = (await once(before, 'session')) as [Buffer];
    expect((await secure({ maxVersion: 'TLSv1.2', session })).isSessionReused()).toBe(true);
    const next = replace();
    await expect.poll(async () => pemOf(await secure())).toBe(next);
    const after = await secure({ maxVersion: 'TLSv1.2', session });
    expect([after.isSessionReused(), pemOf(after)]).toEqual([false, next]);
  });

  test('files that do not match keep the certificate, are reported once, and take effect when they match', async () => {
    const kept = readFileSync(authority.path('cert.pem'), 'utf8');
    lines.length = 0;
    const issued = authority.issue('DNS:localhost');
    writeFileSync(authority.path('cert.pem'), readFileSync(issued.cert));
    await expect.poll(() => lines.length).toBe(1);
    expect(pemOf(await secure())).toBe(kept);
    // Half written.
    writeFileSync(authority.path('key.pem'), readFileSync(issued.key, 'utf8').slice(0, 100));
    expect(pemOf(await secure())).toBe(kept);
    writeFileSync(authority.path('key.pem'), readFileSync(issued.key));
    await expect
      .poll(() => lines.map(({ msg }) => msg))
      .toEqual([
        'background work failed; will be retried',
        'the certificate was replaced',
        'background work succeeds again',
      ]);
    expect(lines[0]).toMatchObject({
      err: { message: expect.stringContaining('does not belong to the first certificate') },
    });
    expect(JSON.stringify(lines)).not.toMatch(/PRIVATE KEY|stack/);
    expect(pemOf(await secure())).toBe(readFileSync(issued.cert, 'utf8'));
  });

  test('closing waits for calls in progress and closes idle connections', async () => {
    const idle = await secure();
    idle.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(idle, 'data');
    const transport = createGrpcTransport({ baseUrl: baseUrl(), nodeOptions: { ca: ca() } });
    const call = createClient(EchoService, transport).echo({ text: 'slow', wait: 300 });
    await expect.poll(() => begun).toContain('slow');
    const closing = [door.close(), closed(idle)];
    expect((await call).text).toBe('slow');
    await Promise.all(closing);
    const refused = await createClient(EchoService, transport)
      .echo({})
      .catch((error: unknown) => ConnectError.from(error).code);
    expect(refused).toBe(Code.Unavailable);
  });
});
