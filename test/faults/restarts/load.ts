import { Agent, request as requestHttp } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';

/** A request of the load. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
}

/** A response of the load. */
export interface Response {
  readonly status: number;
  readonly text: string;
}

/** A client of two edges. It sends one request after the other. */
export interface Client {
  /** @throws Error where a request that was sent got no response */
  send(request: Request): Promise<Response>;
  close(): void;
}

/** Errors of a request that no process has seen. */
const unseen = new Set(['ECONNREFUSED', 'NOT_ACCEPTED', 'NOT_PROCESSED']);

/**
 * The ids of requests whose new connection was reset. Either no process accepted it: the kernel resets the connections
 * that arrive while a port closes. Or a process dropped the request, which its log tells.
 */
export const resetIds: string[] = [];

/** Sends on the first edge that accepts, beginning with another one each time. */
async function onEither(edges: readonly string[], turn: number, send: (edge: string) => Promise<Response>) {
  let refused: unknown;
  for (let index = 0; index < edges.length; index++) {
    try {
      return await send(edges[(turn + index) % edges.length]!);
    } catch (error) {
      if (!unseen.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      refused = error;
    }
  }
  throw refused;
}

function headersOf({ token, body }: Request): Record<string, string> {
  return {
    'x-request-id': crypto.randomUUID(),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
}

/** A client over HTTP/1.1 that keeps its connections, and leaves one that the server closes with `Connection: close`. */
export function http1Client(edges: readonly string[]): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let turn = 0;
  return {
    send: (request) =>
      onEither(edges, turn++, (edge) => {
        const { method, path, body } = request;
        const headers = headersOf(request);
        return new Promise((resolve, reject) => {
          const sent = requestHttp(`${edge}${path}`, { method, agent, headers }, (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => (text += chunk));
            response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
            response.on('error', reject);
          });
          sent.on('error', (error: NodeJS.ErrnoException) => {
            if (error.code === 'ECONNRESET' && !sent.reusedSocket) {
              resetIds.push(headers['x-request-id'] ?? '');
              error.code = 'NOT_ACCEPTED';
            }
            reject(error);
          });
          sent.end(body === undefined ? undefined : JSON.stringify(body));
        });
      }),
    close: () => agent.destroy(),
  };
}

/** A client over HTTP/2 with one connection an edge. After a GOAWAY it opens another one, and repeats what was not processed. */
export function http2Client(edges: readonly string[]): Client {
  const sessions = new Map<string, ClientHttp2Session>();
  let turn = 0;

  async function sessionTo(edge: string): Promise<ClientHttp2Session> {
    const known = sessions.get(edge);
    if (known && !known.closed && !known.destroyed) return known;
    const session = connect(edge);
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      // Nothing was sent.
      session.once('error', (error) => reject(Object.assign(error, { code: 'NOT_ACCEPTED' })));
    });
    session.on('error', () => undefined);
    const leave = () => {
      if (sessions.get(edge) === session) sessions.delete(edge);
    };
    session.once('goaway', leave);
    session.once('close', leave);
    sessions.set(edge, session);
    return session;
  }

  async function send(edge: string, request: Request): Promise<Response> {
    const session = await sessionTo(edge);
    const { method, path, body } = request;
    return new Promise((resolve, reject) => {
      const stream = session.request({ ':method': method, ':path': path, ...headersOf(request) });
      let [status, text, failed]: [number, string, unknown] = [0, '', undefined];
      stream.setEncoding('utf8');
      stream.on('response', (headers) => (status = headers[':status'] ?? 0));
      stream.on('data', (chunk: string) => (text += chunk));
      stream.on('error', (error) => (failed = error));
      stream.on('close', () => {
        if (status !== 0 && stream.rstCode === 0) return resolve({ status, text });
        // REFUSED_STREAM, or a stream that was never sent: the server has not processed it (RFC 9113 section 8.7).
        const isUnseen = stream.rstCode === 7 || stream.pending;
        reject(
          isUnseen
            ? Object.assign(new Error('not processed'), { code: 'NOT_PROCESSED' })
            : (failed ?? new Error(`reset ${stream.rstCode}`)),
        );
      });
      stream.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    send: (request) => onEither([...edges, ...edges], turn++, (edge) => send(edge, request)),
    close() {
      for (const session of sessions.values()) session.destroy();
    },
  };
}
