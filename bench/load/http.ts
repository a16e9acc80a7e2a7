import { Agent, request } from 'node:http';

/** A complete response. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A request. */
export interface Asking {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Creates an HTTP/1.1 client with keep-alive. Uses node:http, the cheapest client in Node. */
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

/** Parses the body of a response. @throws Error if it has another status than expected */
export function bodyOf({ status, text }: Answer, expected: number): Record<string, unknown> {
  if (status !== expected) throw new Error(`expected ${expected}, got ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Record<string, unknown>;
}
