import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';
import { pickerOf, seededRandom } from './random.ts';
import { grpcCall } from './transports.ts';

// Headers that claim another identity, address or method: over every protocol and at every port, the response is byte
// for byte the one without them.

let system: System;
let ada: Person;
let eve: Person;
let smtp: Server;
const mails: string[] = [];
/** The mails with a link. */
const links = () => mails.filter((mail) => mail.includes('#token'));
const agent = new Agent({ keepAlive: true, maxSockets: 20 });
const sessions = new Map<string, ClientHttp2Session>();

beforeAll(async () => {
  smtp = await listenForMail();
  system = await openSystem({
    services: ['user', 'notification'],
    env: { SMTP_URL: `smtp://127.0.0.1:${(smtp.address() as AddressInfo).port}` },
  });
  [ada, eve] = await Promise.all([system.person(), system.person()]);
});
afterAll(async () => {
  agent.destroy();
  for (const session of sessions.values()) session.destroy();
  await system.close();
  await new Promise((resolve) => smtp.close(resolve));
});

/** An SMTP server that stores the mail it receives. */
async function listenForMail(): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    let inData = false;
    socket.write('220 test\r\n');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (
        let end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        end >= 0;
        end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n')
      ) {
        const line = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        if (inData) mails.push(line);
        const isData = !inData && line.toUpperCase() === 'DATA';
        inData = isData;
        socket.write(isData ? '354 go on\r\n' : line.toUpperCase() === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

type Headers = Readonly<Record<string, string>>;
type Send = (headers: Headers) => Promise<string>;

/** A request over HTTP/1.1. Returns status and body as text. */
function overHttp1(
  base: () => string,
  method: string,
  path: string,
  body?: string | Buffer,
  type = 'application/json',
): Send {
  return (headers) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(base());
      const content = body === undefined ? {} : { 'content-type': type };
      const sent = request({ agent, hostname, port, method, path, headers: { ...content, ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(`${response.statusCode} ${Buffer.concat(chunks).toString('latin1')}`));
      });
      sent.on('error', reject);
      sent.end(body);
    });
}

/** A gRPC call without a client, so that it can name any authority. Returns status and message. */
function overGrpc(base: () => string, path: string): Send {
  return ({ host, ...headers }) =>
    new Promise((resolve, reject) => {
      const session = sessions.get(base()) ?? connect(base());
      sessions.set(base(), session);
      const stream = session.request({ ...grpcCall(path), ...(host ? { ':authority': host } : {}), ...headers });
      const chunks: Buffer[] = [];
      let status: unknown = 'none';
      stream.on('response', (given) => (status = given['grpc-status'] ?? status));
      stream.on('trailers', (given) => (status = given['grpc-status'] ?? status));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => resolve(`${String(status)} ${Buffer.concat(chunks).toString('latin1')}`));
      stream.on('error', reject);
      stream.end(Buffer.alloc(5));
    });
}

const edge = () => system.edge;
const auth = () => system.auth;
const profile = '/signet.user.v1.UserService/GetProfile';
const verify = '/signet.auth.v1.AuthService/Verify';
/** The targets, and whether each is a public port, which ignores internal headers. */
const places: Record<string, { send: Send; isPublic: boolean }> = {
  'REST at the edge': { send: overHttp1(edge, 'GET', '/api/v1/users/profile'), isPublic: true },
  'Connect at the edge': { send: overHttp1(edge, 'POST', profile, '{}'), isPublic: true },
  'gRPC-Web at the edge': {
    send: overHttp1(edge, 'POST', profile, Buffer.alloc(5), 'application/grpc-web+proto'),
    isPublic: true,
  },
  'gRPC at the edge': { send: overGrpc(edge, profile), isPublic: true },
  'REST at the public port of auth': { send: overHttp1(auth, 'GET', '/api/v1/auth/verify'), isPublic: true },
  'Connect at the public port of auth': { send: overHttp1(auth, 'POST', verify, '{}'), isPublic: true },
  'gRPC at the public port of auth': { send: overGrpc(auth, verify), isPublic: true },
  'gRPC at the internal port of auth': {
    send: overGrpc(() => `http://127.0.0.1:${system.authGrpcPort}`, verify),
    isPublic: false,
  },
  'gRPC at the user service': { send: overGrpc(() => `http://127.0.0.1:${system.userPort}`, profile), isPublic: false },
};

const names = [
  ...['signet', 'user', 'gateway'].flatMap((whose) =>
    ['id', 'sub', 'email', 'roles', 'role', 'scope', 'peer', 'agent', 'caller', 'session', 'claims'].map(
      (what) => `x-${whose}-${what}`,
    ),
  ),
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-user',
  'x-real-ip',
  'forwarded',
  'true-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-remote-user',
  'remote-user',
  'host',
];

/** Removes request ids, which always differ. */
const bare = (answer: string) =>
  answer
    .replaceAll(/"(request_id|instance)":"[^"]*"/g, '')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '');

test.each(Object.entries(places))(
  '%s: 230 requests with random forged headers change nothing, signed in or not',
  async (name, { send, isPublic }) => {
    const pick = pickerOf(seededRandom(name.length));
    const values = [
      eve.id,
      eve.email,
      'admin',
      '["admin"]',
      '6.6.6.6',
      '::1',
      'for=6.6.6.6;host=evil.test',
      eve.access,
      'true',
      'DELETE',
      '/api/v1/admin/users',
    ];
    const hosts = ['evil.test', 'localhost:1', '127.0.0.1', 'signet.user.v1.AdminService'];
    const token = { authorization: `Bearer ${ada.access}` };
    const plain = await send(token);
    expect(plain).toMatch(
      name.includes('REST') || name.startsWith('Connect') || name.startsWith('gRPC-Web') ? /^200 / : /^0 /,
    );
    expect(plain).toContain(ada.email);
    const anonymous = bare(await send({}));
    expect(anonymous).not.toContain(ada.email);
    for (let batch = 0; batch < 23; batch++) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          const forged: Record<string, string> = {};
          for (let count = 0; count < 1 + (index % 6); count++) {
            const header = pick(names);
            // An internal port rightly refuses an invalid service token.
            if (header === 'x-signet-caller' && !isPublic) continue;
            forged[header] = header === 'host' ? pick(hosts) : pick(values);
          }
          const isAnonymous = index === 9;
          const answer = await send(isAnonymous ? forged : { ...forged, ...token });
          expect(isAnonymous ? bare(answer) : answer, JSON.stringify(forged)).toBe(isAnonymous ? anonymous : plain);
        }),
      );
    }
  },
);

test('links in mails use the configured URL, whatever host a request names', async () => {
  const body = JSON.stringify({ email: ada.email });
  for (const [base, path] of [
    [edge, '/api/v1/auth/password/reset-request'],
    [auth, '/api/v1/auth/password/reset-request'],
    [edge, '/signet.auth.v1.PasswordService/RequestPasswordReset'],
    [auth, '/signet.auth.v1.PasswordService/RequestPasswordReset'],
  ] as const) {
    const before = links().length;
    const evil = {
      host: 'evil.test',
      'x-forwarded-host': 'evil.test',
      forwarded: 'host=evil.test',
      referer: 'http://evil.test/',
    };
    expect(await overHttp1(base, 'POST', path, body)(evil)).toMatch(/^200 /);
    await expect.poll(() => links().length).toBe(before + 1);
    const mail = (links().at(-1) ?? '').replaceAll('=\r\n', '').replaceAll('=3D', '=');
    expect(mail).toContain('http://localhost:8080/reset-password#token=');
    expect(mail).not.toContain('evil');
    system.secret(/#token=([\w-]+)/.exec(mail)?.[1] ?? 'no token');
  }
});
