import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { bodyOf, createHttp } from './http.ts';
import type { Spec, Work } from './work.ts';

type Of<K extends Spec['kind']> = Extract<Spec, { kind: K }>;

const json = { 'content-type': 'application/json' };

/** A POST with fields as JSON or, with further fields, as a form. */
function posted(fields: Readonly<Record<string, string>>, form?: Readonly<Record<string, string>>) {
  const method = 'POST' as const;
  if (!form) return { method, headers: json, body: JSON.stringify(fields) };
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method, headers, body: new URLSearchParams({ ...form, ...fields }).toString() };
}

/** Reads the profile of the owner of each credentials. */
export function profileOverRest({ url, headers }: Of<'profile-rest'>): Work {
  const http = createHttp();
  return {
    pause: http.close,
    close: http.close,
    async once(chain) {
      const answer = await http.ask({ method: 'GET', url, headers: headers[chain % headers.length] ?? {} });
      const body = bodyOf(answer, 200);
      // The session of better-auth has the profile inside.
      const { name } = (body['user'] ?? body) as { readonly name?: unknown };
      if (name !== 'Ada') throw new Error(`unexpected profile: ${answer.text}`);
    },
  };
}

/** Sends the same request each time. */
export function same({ request, status }: Of<'request'>): Work {
  const http = createHttp();
  return {
    pause: http.close,
    close: http.close,
    async once() {
      const answer = await http.ask(request);
      if (answer.status !== status)
        throw new Error(`expected ${status}, got ${answer.status}: ${answer.text.slice(0, 300)}`);
    },
  };
}

/** Refreshes sessions, each request with the token of the session's previous response. */
export function refresh({ url, refreshTokens, form }: Of<'refresh'>): Work {
  const http = createHttp();
  const held = [...refreshTokens];
  return {
    pause: http.close,
    close: http.close,
    async once(chain) {
      const sent = posted({ refresh_token: held[chain] ?? '' }, form);
      const { refresh_token: next } = bodyOf(await http.ask({ url, ...sent }), 200);
      if (typeof next !== 'string' || next === held[chain]) throw new Error('no new refresh token');
      held[chain] = next;
    },
  };
}

/** Signs in, each chain with a different account. */
export function login({ url, emails, password, token = 'access_token' }: Of<'login'>): Work {
  const http = createHttp();
  const bodies = emails.map((email) => JSON.stringify({ email, password }));
  return {
    pause: http.close,
    close: http.close,
    async once(chain) {
      const body = bodies[chain % bodies.length] ?? '';
      const answer = bodyOf(await http.ask({ method: 'POST', url, headers: json, body }), 200);
      if (typeof answer[token] !== 'string') throw new Error('no token');
    },
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Exchanges assertions for tokens. Each assertion is new, and signed by the load generator. */
export function clientCredentials({ url, client, key, audience, form }: Of<'client-credentials'>): Work {
  const http = createHttp();
  const privateKey = createPrivateKey(key);
  const head = encode({ alg: 'EdDSA' });
  return {
    pause: http.close,
    close: http.close,
    async once() {
      const iat = Math.floor(Date.now() / 1_000);
      const claims = { iss: client, sub: client, aud: audience, jti: randomUUID(), iat, exp: iat + 30 };
      const signed = `${head}.${encode(claims)}`;
      const fields = {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`,
      };
      const answer = bodyOf(await http.ask({ url, ...posted(fields, form) }), 200);
      if (typeof answer['access_token'] !== 'string') throw new Error('no access token');
    },
  };
}

/** Reads the first page of lists. */
export function list({ urls, tokens, items }: Of<'list'>): Work {
  const http = createHttp();
  const headers = tokens.map((token) => ({ authorization: `Bearer ${token}` }));
  return {
    pause: http.close,
    close: http.close,
    async once(chain) {
      const url = urls[chain % urls.length] ?? '';
      const answer = await http.ask({ method: 'GET', url, headers: headers[chain % headers.length] ?? {} });
      const { [items]: found } = bodyOf(answer, 200);
      if (!Array.isArray(found) || found.length === 0) throw new Error(`empty list: ${answer.text}`);
    },
  };
}
