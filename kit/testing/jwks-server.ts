import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A JWKS endpoint with responses chosen by the test. */
export interface JwksServer {
  readonly url: string;
  /** Requests so far. */
  readonly requests: number;
  /** Returns the body of each response: a document, or a string sent unchanged. `undefined` sends no response. */
  answer: () => unknown;
  /** Status of the responses. A redirect leads to a valid response. */
  status: number;
  close(): Promise<void>;
}

/** Serves a JWKS on 127.0.0.1, on a free port, or on the given one (to restart after a close). */
export async function startJwksServer(answer: () => unknown, port = 0): Promise<JwksServer> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const body = self.answer();
    if (body === undefined) return;
    const status = request.url === '/elsewhere' ? 200 : self.status;
    response.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const self = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`,
    get requests() {
      return requests;
    },
    answer,
    status: 200,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}
