import { requestText } from '../wire.ts';

const json = 'Content-Type: application/json';
const login = { REST: '/api/v1/auth/login', Connect: '/signet.auth.v1.AuthService/Login' } as const;

/** Requests with a secret in the head. */
export const heads: readonly [string, (secret: string) => string][] = [
  ['query of a GET', (secret) => requestText('GET', `/api/v1/users/profile?access_token=${secret}`)],
  [
    'query of a POST',
    (secret) => requestText('POST', `${login.REST}?email=a&password=${secret}`, { headers: [json], body: '{}' }),
  ],
  ['name of a query parameter', (secret) => requestText('GET', `/.well-known/jwks.json?${secret}=1`)],
  ['malformed query', (secret) => requestText('GET', `/.well-known/jwks.json?a=%zz${secret}`)],
  [
    'query of a Connect POST',
    (secret) => requestText('POST', `${login.Connect}?password=${secret}`, { headers: [json], body: '{' }),
  ],
  [
    'message of a Connect GET',
    (secret) =>
      requestText(
        'GET',
        `/signet.auth.v1.AuthService/GetJwks?connect=v1&encoding=json&message={"${secret}":1}`.replaceAll('"', '%22'),
      ),
  ],
  [
    'malformed message of a Connect GET',
    (secret) => requestText('GET', `/signet.auth.v1.AuthService/GetJwks?connect=v1&encoding=json&message=${secret}`),
  ],
  ['query of an unknown page', (secret) => requestText('GET', `/nowhere?token=${secret}`)],
  [
    'query with an invalid Host',
    (secret) => requestText('POST', `${login.Connect}?token=${secret}`, { headers: [json], body: '{}', host: '][' }),
  ],
  ['query of a malformed path', (secret) => requestText('GET', `/%zz?token=${secret}`)],
  ['path', (secret) => requestText('GET', `/api/v1/users/${secret}`)],
  [
    'path of a service',
    (secret) => requestText('POST', `/signet.auth.v1.AuthService/${secret}`, { headers: [json], body: '{}' }),
  ],
  ['malformed path', (secret) => requestText('GET', `/api/v1/users/${secret}%zz`)],
  ['credentials of a request target', (secret) => requestText('GET', `http://a:${secret}@localhost/nowhere`)],
  ['method', (secret) => requestText(secret, '/')],
  ['HTTP version', (secret) => `GET / HTTP/${secret}\r\nHost: a\r\n\r\n`],
  ['Host', (secret) => requestText('POST', login.Connect, { headers: [json], body: '{}', host: `${secret}][` })],
  ['Authorization', (secret) => requestText('GET', '/api/v1/users/profile', { headers: [`Authorization: ${secret}`] })],
  [
    'Authorization, as a bearer',
    (secret) =>
      requestText('GET', '/api/v1/users/profile', { headers: [`Authorization: Bearer ${secret}.${secret}.${secret}`] }),
  ],
  [
    'Authorization of a login',
    (secret) =>
      requestText('POST', login.REST, { headers: [json, `Authorization: Bearer ${secret}\u00e9`], body: '{}' }),
  ],
  [
    'Authorization, Basic',
    (secret) => requestText('GET', '/api/v1/users/profile', { headers: [`Authorization: Basic ${secret}`] }),
  ],
  [
    'a cookie',
    (secret) =>
      requestText('POST', '/api/v1/auth/refresh', {
        headers: [json, `Cookie: signet_rt=${secret}; signet_at=${secret}`],
        body: '{}',
      }),
  ],
  ['X-CSRF-Token', (secret) => requestText('GET', '/api/v1/auth/verify', { headers: [`X-CSRF-Token: ${secret}`] })],
  ['an invalid header', (secret) => requestText('GET', '/health', { headers: [`X ${secret}: a`] })],
  ['an oversized header', (secret) => requestText('GET', '/health', { headers: [`X-A: ${secret.repeat(3_000)}`] })],
  [
    'Content-Encoding',
    (secret) => requestText('POST', login.Connect, { headers: [json, `Content-Encoding: ${secret}`], body: '{}' }),
  ],
  [
    'Connect-Timeout-Ms',
    (secret) => requestText('POST', login.Connect, { headers: [json, `Connect-Timeout-Ms: ${secret}`], body: '{}' }),
  ],
  [
    'Content-Length',
    (secret) => requestText('POST', login.REST, { headers: [json, `Content-Length: ${secret}`], body: '{}' }),
  ],
  [
    'an X-Request-Id longer than one',
    (secret) => requestText('GET', '/nowhere', { headers: [`X-Request-Id: ${secret}${secret}${secret}`] }),
  ],
  [
    'Origin',
    (secret) =>
      requestText('POST', '/api/v1/auth/refresh', {
        headers: [json, `Origin: https://${secret}.test`, 'Cookie: signet_rt=x'],
        body: '{}',
      }),
  ],
];
