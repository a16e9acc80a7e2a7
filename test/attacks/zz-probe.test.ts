import { afterAll, beforeAll, test } from 'vitest';
import http2 from 'node:http2';
import net from 'node:net';
import { request as httpRequest } from 'node:http';
import { openSystem, type System, type Person, ask } from '../system.ts';
import { createGrpcTransport } from '#kit/rpc/grpc-client.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { buildEdge } from '../../services/edge/build.ts';
import { keys as edgeKeys } from '../../services/edge/config.ts';
import { readConfig } from '#kit/config/config.ts';
import { createGuard } from '#kit/guard/guard.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import { openDoor } from '#kit/door/door.ts';
import { createLog } from '#kit/log/log.ts';

let system: System;
let ada: Person;
let split: string;
const lines: string[] = [];
beforeAll(async () => {
  system = await openSystem();
  ada = await system.person();
  const config = readConfig(edgeKeys, { SIGNET_RATE_LIMIT: '0' });
  const guard = createGuard({
    issuer: config.issuer,
    audience: config.audience,
    algorithms: ['RS256'],
    keys: remoteJwks({ url: `${system.auth}/.well-known/jwks.json` }),
  });
  const log = createLog({ level: 'trace', format: 'json', destination: { write: (l) => void lines.push(l) } });
  const edge = buildEdge({
    config,
    guard,
    log,
    upstreams: [
      { desc: AuthService, transport: createGrpcTransport(`127.0.0.1:${system.all.auth.grpc.port}`, [AuthService]) },
      { desc: UserService, transport: createGrpcTransport(`127.0.0.1:${system.all.user.port}`, [UserService]) },
    ],
  });
  await guard.ready();
  const door = await openDoor({ ...edge, ...config, port: 0, host: '127.0.0.1' });
  split = `http://127.0.0.1:${door.port}`;
});
afterAll(async () => {});

const port = (u: string) => Number(new URL(u).port);
function raw(p: number, bytes: string | Buffer, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    const s = net.connect(p, '127.0.0.1');
    let out = '';
    const t = setTimeout(() => {
      s.destroy();
      resolve(out + '<<TIMEOUT>>');
    }, ms);
    s.on('data', (d) => (out += d.toString('latin1')));
    s.on('close', () => {
      clearTimeout(t);
      resolve(out + '<<CLOSED>>');
    });
    s.on('error', (e) => (out += `<<${(e as Error).message}>>`));
    s.write(bytes);
  });
}
const show = (name: string, x: string) =>
  console.log(`--- ${name}: ${x.replaceAll(/\r\n/g, '|').slice(0, 60)} ... ${x.slice(-260)}`);
async function j(name: string, url: string, method: string, a: any) {
  try {
    const r = await ask(url, method, a);
    console.log('---', name, r.status, r.text.slice(0, 300));
  } catch (e) {
    console.log('---', name, 'THREW', (e as Error).message, (e as any).cause?.message);
  }
}

test('probe', async () => {
  const e = system.edge;
  const bearer = { token: ada.access };
  const login = { email: ada.email, password: ada.password };
  await j('login NUL email', `${e}/api/v1/auth/login`, 'POST', { body: { email: 'a\0b', password: 'x' } });
  await j('bio NUL', `${e}/api/v1/users/profile`, 'PATCH', { ...bearer, body: { bio: 'a\0b' } });
  await j('password NUL', `${e}/api/v1/auth/register`, 'POST', {
    body: { email: 'n@e.com', password: 'aaaaaaaa\0b', name: 'x' },
  });
  for (const [n, u] of [
    ['one', e],
    ['split', split],
  ] as const) {
    await j(n + ' cookie rt nl', `${u}/api/v1/auth/refresh`, 'POST', {
      body: {},
      headers: { cookie: 'signet_rt=a%0Ab' },
    });
    await j(n + ' cookie rt euro', `${u}/api/v1/auth/refresh`, 'POST', {
      body: {},
      headers: { cookie: 'signet_rt=%E2%82%AC' },
    });
    await j(n + ' cookie rt e9', `${u}/api/v1/auth/refresh`, 'POST', {
      body: {},
      headers: { cookie: 'signet_rt=%C3%A9' },
    });
    await j(n + ' cookie at nl', `${u}/api/v1/users/profile`, 'GET', { headers: { cookie: 'signet_at=a%0Ab' } });
    await j(n + ' cookie at euro', `${u}/api/v1/users/profile`, 'GET', { headers: { cookie: 'signet_at=%E2%82%AC' } });
    await j(n + ' ua e9', `${u}/api/v1/users/profile`, 'GET', { ...bearer, headers: { 'user-agent': 'caf\xe9' } });
    await j(n + ' lang e9', `${u}/api/v1/users/profile`, 'GET', {
      ...bearer,
      headers: { 'accept-language': 'caf\xe9' },
    });
    await j(n + ' authz e9 login', `${u}/api/v1/auth/login`, 'POST', {
      body: login,
      headers: { authorization: 'Bearer caf\xe9' },
    });
    await j(n + ' tracestate e9', `${u}/api/v1/users/profile`, 'GET', {
      ...bearer,
      headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'caf\xe9' },
    });
    await j(n + ' long ua', `${u}/api/v1/users/profile`, 'GET', {
      ...bearer,
      headers: { 'user-agent': 'x'.repeat(14000) },
    });
    await j(n + ' long ua2', `${u}/api/v1/auth/login`, 'POST', {
      body: login,
      headers: { 'user-agent': 'x'.repeat(15900) },
    });
    await j(n + ' long sec-csrf', `${u}/api/v1/auth/verify`, 'GET', {
      ...bearer,
      headers: { 'x-csrf-token': 'x'.repeat(14300) },
    });
    await j(n + ' logout token authz garbage', `${u}/api/v1/auth/logout`, 'POST', {
      body: {},
      headers: { authorization: 'Bearer xx' },
    });
  }
  const c = `${e}/signet.auth.v1.AuthService/Login`;
  await j('connect bad json', c, 'POST', {
    body: '{"email":"a","password": sekret}',
    headers: { 'content-type': 'application/json' },
  });
  await j('connect wrong type', c, 'POST', { body: { email: 'a', password: 1234567 } });
  await j('connect wrong type arr', c, 'POST', { body: { email: 'a', password: ['sekret'] } });
  await j('connect unknown', c, 'POST', { body: { email: 'a', password: 'x', sekret: 'sekret' } });
  await j('connect dup', c, 'POST', { body: '{"email":"a","password":"x","password":"y"}' });
  await j('connect surrogate', c, 'POST', { body: '{"email":"\\ud800","password":"x"}' });
  await j('connect depth', c, 'POST', { body: '['.repeat(5000) + ']'.repeat(5000) });
  await j('connect depth field', c, 'POST', { body: '{"email":' + '['.repeat(5000) + ']'.repeat(5000) + '}' });
  await j('connect ctype tab', c, 'POST', { body: '{}', headers: { 'content-type': 'application/json\ta' } });
  await j('connect ctype ;x', c, 'POST', {
    body: JSON.stringify(login),
    headers: { 'content-type': 'application/json ;x' },
  });
  await j('connect ctype text', c, 'POST', { body: '{}', headers: { 'content-type': 'text/plain' } });
  await j('connect 9MiB', c, 'POST', { body: '{"email":"' + 'a'.repeat(9 << 20) + '"}' });
  await j('connect badutf8', c, 'POST', { body: '{}' });
  await j('connect enc', c, 'POST', { body: '{}', headers: { 'content-encoding': 'gzip' } });
  await j('connect enc br bad', c, 'POST', { body: '{}', headers: { 'content-encoding': 'br' } });
  await j('connect enc unk', c, 'POST', { body: '{}', headers: { 'content-encoding': 'zip' } });
  await j('connect timeout bad', c, 'POST', { body: '{}', headers: { 'connect-timeout-ms': '-1' } });
  await j('connect timeout big', c, 'POST', { body: '{}', headers: { 'connect-timeout-ms': '9999999999' } });
  await j('connect timeout 0', c, 'POST', { body: JSON.stringify(login), headers: { 'connect-timeout-ms': '0' } });
  await j(
    'connect get',
    `${e}/signet.user.v1.UserService/GetProfile?connect=v1&encoding=json&message=%7B%7D`,
    'GET',
    bearer,
  );
  await j(
    'connect get bad',
    `${e}/signet.user.v1.UserService/GetProfile?connect=v1&encoding=json&message=%7Bsekret`,
    'GET',
    bearer,
  );
  await j(
    'connect get bad b64',
    `${e}/signet.user.v1.UserService/GetProfile?connect=v1&encoding=proto&base64=1&message=%7Bsekret`,
    'GET',
    bearer,
  );
  await j('connect unauth', `${e}/signet.user.v1.UserService/GetProfile`, 'POST', { body: {} });
  await j('connect bad tok', `${e}/signet.user.v1.UserService/GetProfile`, 'POST', { body: {}, token: 'a.b.c' });
  show(
    'http1.0 nohost',
    await raw(
      port(e),
      'POST /signet.auth.v1.AuthService/Login HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
    ),
  );
  show(
    'http1.1 weird host',
    await raw(
      port(e),
      'POST /signet.auth.v1.AuthService/Login HTTP/1.1\r\nhost: ][{\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}',
    ),
  );
  show(
    'http1.1 empty host',
    await raw(
      port(e),
      'POST /signet.auth.v1.AuthService/Login HTTP/1.1\r\nhost:\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}',
    ),
  );
  show(
    'http1.1 empty host rest',
    await raw(port(e), 'GET /api/v1/users/profile HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n'),
  );
  show(
    'abs uri',
    await raw(
      port(e),
      'POST http://evil.test/signet.auth.v1.AuthService/Login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}',
    ),
  );
  show(
    'abs uri get rest',
    await raw(
      port(e),
      `GET http://evil.test/api/v1/users/profile HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${ada.access}\r\nconnection: close\r\n\r\n`,
    ),
  );
  show('options *', await raw(port(e), 'OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  show('get *', await raw(port(e), 'GET * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  show('connect', await raw(port(e), 'CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n'));
  show('trace', await raw(port(e), 'TRACE /api/v1/users/profile HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  show('FOO', await raw(port(e), 'FOO / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  show('PRI http1', await raw(port(e), 'PRI / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  show(
    'upgrade',
    await raw(port(e), 'GET /health HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
  );
  show(
    'upgrade h2c',
    await raw(
      port(e),
      'GET /health HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n',
    ),
  );
  show(
    'expect',
    await raw(
      port(e),
      'POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\nexpect: foo\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
    ),
  );
  show(
    'CL+TE',
    await raw(
      port(e),
      'POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n',
    ),
  );
  show(
    'CL CL',
    await raw(
      port(e),
      'POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\nconnection: close\r\n\r\n{} ',
    ),
  );
  show(
    'fold',
    await raw(port(e), 'GET /api/v1/users/profile HTTP/1.1\r\nhost: a\r\nx-a: b\r\n c\r\nconnection: close\r\n\r\n'),
  );
  show(
    'big header',
    await raw(port(e), `GET /health HTTP/1.1\r\nhost: a\r\nx-a: ${'x'.repeat(65536)}\r\nconnection: close\r\n\r\n`),
  );
  show(
    'two auth',
    await raw(
      port(e),
      `GET /api/v1/users/profile HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${ada.access}\r\nauthorization: Bearer ${ada.access}\r\nconnection: close\r\n\r\n`,
    ),
  );
  show(
    'two auth connect',
    await raw(
      port(e),
      `POST /signet.user.v1.UserService/GetProfile HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\nauthorization: Bearer ${ada.access}\r\nauthorization: Bearer ${ada.access}\r\nconnection: close\r\n\r\n{}`,
    ),
  );
  show('bad path', await raw(port(e), 'GET /api/v1/%c0%ae HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  show(
    '300 headers',
    await raw(
      port(e),
      `GET /health HTTP/1.1\r\nhost: a\r\n${Array.from({ length: 1500 }, (_, i) => `a${i}: b\r\n`).join('')}connection: close\r\n\r\n`,
    ),
  );
  const s = http2.connect(e);
  s.on('error', (x) => console.log('sess err', x.message));
  const h2 = (headers: any, body?: string) =>
    new Promise<string>((resolve) => {
      let st: any;
      try {
        st = s.request(headers, { endStream: body === undefined });
      } catch (x) {
        return resolve('client refused ' + (x as Error).message);
      }
      let out = '';
      const t = setTimeout(() => {
        st.close();
        resolve(out + '<<TIMEOUT>>');
      }, 2500);
      st.on('response', (h: any) => (out += `${h[':status']} `));
      st.on('data', (d: any) => (out += d));
      st.on('error', (x: any) => (out += `<<${x.message}>>`));
      st.on('close', () => {
        clearTimeout(t);
        resolve(out + '<<closed>>');
      });
      if (body !== undefined) st.end(body);
    });
  show('h2 method proto', await h2({ ':method': '__proto__', ':path': '/health' }));
  show('h2 method constructor', await h2({ ':method': 'constructor', ':path': '/api/v1/users/profile' }));
  show('h2 method get lower', await h2({ ':method': 'get', ':path': '/api/v1/users/profile' }));
  show('h2 path *', await h2({ ':method': 'OPTIONS', ':path': '*' }));
  show('h2 path empty', await h2({ ':method': 'GET', ':path': '' }));
  show('h2 path noslash', await h2({ ':method': 'GET', ':path': 'api' }));
  show(
    'h2 host no authority',
    await h2(
      {
        ':method': 'POST',
        ':path': '/signet.auth.v1.AuthService/Login',
        host: 'x',
        'content-type': 'application/json',
      },
      '{}',
    ),
  );
  show(
    'h2 authority weird',
    await h2(
      {
        ':method': 'POST',
        ':path': '/signet.auth.v1.AuthService/Login',
        ':authority': '][',
        'content-type': 'application/json',
      },
      '{}',
    ),
  );
  show('h2 connect', await h2({ ':method': 'CONNECT', ':authority': 'x:80' }));
  show(
    'h2 flat dup',
    await h2([
      ':method',
      'GET',
      ':path',
      '/api/v1/users/profile',
      'authorization',
      `Bearer ${ada.access}`,
      'authorization',
      `Bearer ${ada.access}`,
    ]),
  );
  show(
    'h2 flat dup connect',
    await h2(
      [
        ':method',
        'POST',
        ':path',
        '/signet.user.v1.UserService/GetProfile',
        'content-type',
        'application/json',
        'authorization',
        `Bearer ${ada.access}`,
        'authorization',
        `Bearer ${ada.access}`,
      ],
      '{}',
    ),
  );
  show('h2 headers 64k', await h2({ ':method': 'GET', ':path': '/health', 'x-a': 'x'.repeat(60000) }));
  show('h2 after', await h2({ ':method': 'GET', ':path': '/health' }));
  show(
    'h2 120 headers',
    await h2({
      ':method': 'GET',
      ':path': '/health',
      ...Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x${i}`, 'a'])),
    }),
  );
  show('h2 after', await h2({ ':method': 'GET', ':path': '/health' }));
  console.log(
    lines
      .filter((l) => l.includes('"level":50'))
      .join('')
      .slice(0, 3000),
  );
  console.log(
    system
      .logged()
      .split('\n')
      .filter((l) => l.includes('"level":50'))
      .join('\n')
      .slice(0, 6000),
  );
}, 120000);
