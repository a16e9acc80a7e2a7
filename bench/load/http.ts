import { Agent, request } from 'node:http';

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What to ask. */
export interface Asking {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A client over HTTP/1.1 that keeps its connections: node:http, which costs least of the clients that Node has. */
export function createHttp(): { ask(asking: Asking): Promise<Answer>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  return {
    close: () => agent.destroy(),
    ask: ({ method, url, headers, body }) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        const sent = request(url, { method, agent, headers: { ...headers, ...length } }, (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
          response.on('error', reject);
        });
        sent.on('error', reject);
        sent.end(body);
      }),
  };
}

/** The body of an answer that must be of a status. @throws where it is another */
export function bodyOf({ status, text }: Answer, expected: number): Record<string, unknown> {
  if (status !== expected) throw new Error(`expected ${expected}, got ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Record<string, unknown>;
}
