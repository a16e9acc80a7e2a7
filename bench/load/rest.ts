import { bodyOf, createHttp } from './http.ts';
import type { Spec, Work } from './work.ts';

type Of<K extends Spec['kind']> = Extract<Spec, { kind: K }>;

const json = { 'content-type': 'application/json' };

/** Reads the profile of each token's owner. */
export function profileOverRest({ url, tokens }: Of<'profile-rest'>): Work {
  const http = createHttp();
  const headers = tokens.map((token) => ({ authorization: `Bearer ${token}` }));
  return {
    close: http.close,
    async once(chain) {
      const answer = await http.ask({ method: 'GET', url, headers: headers[chain % headers.length] ?? {} });
      if (bodyOf(answer, 200)['name'] !== 'Ada') throw new Error(`unexpected profile: ${answer.text}`);
    },
  };
}

/** Sends the same request each time. */
export function same({ request, status }: Of<'request'>): Work {
  const http = createHttp();
  return {
    close: http.close,
    async once() {
      const answer = await http.ask(request);
      if (answer.status !== status)
        throw new Error(`expected ${status}, got ${answer.status}: ${answer.text.slice(0, 300)}`);
    },
  };
}

/** Refreshes sessions, each request with the token of the session's previous response. */
export function refresh({ url, refreshTokens }: Of<'refresh'>): Work {
  const http = createHttp();
  const held = [...refreshTokens];
  return {
    close: http.close,
    async once(chain) {
      const body = JSON.stringify({ refresh_token: held[chain] });
      const { refresh_token: next } = bodyOf(await http.ask({ method: 'POST', url, headers: json, body }), 200);
      if (typeof next !== 'string' || next === held[chain]) throw new Error('no new refresh token');
      held[chain] = next;
    },
  };
}

/** Signs in, each chain with a different account. */
export function login({ url, emails, password }: Of<'login'>): Work {
  const http = createHttp();
  const bodies = emails.map((email) => JSON.stringify({ email, password }));
  return {
    close: http.close,
    async once(chain) {
      const body = bodies[chain % bodies.length] ?? '';
      const answer = bodyOf(await http.ask({ method: 'POST', url, headers: json, body }), 200);
      if (typeof answer['access_token'] !== 'string') throw new Error('no access token');
    },
  };
}

/** Reads the first page of lists. */
export function list({ urls, tokens, items }: Of<'list'>): Work {
  const http = createHttp();
  const headers = tokens.map((token) => ({ authorization: `Bearer ${token}` }));
  return {
    close: http.close,
    async once(chain) {
      const url = urls[chain % urls.length] ?? '';
      const answer = await http.ask({ method: 'GET', url, headers: headers[chain % headers.length] ?? {} });
      const { [items]: found } = bodyOf(answer, 200);
      if (!Array.isArray(found) || found.length === 0) throw new Error(`empty list: ${answer.text}`);
    },
  };
}
