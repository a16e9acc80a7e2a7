import { Code, ConnectError } from '@connectrpc/connect';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { type Answer, Reply } from './reply.ts';
import { type Attempt, type Failed, fixedFields, isSent, type OpenSession, type Request, windows } from './session.ts';
import { connectionError, resetError, toFields } from './status.ts';

/** Opens a session over node:http2. */
export const openNodeSession: OpenSession = (address, authority, events) => {
  const session = connect(`http://${authority}`, {
    createConnection: () => connectTcp({ ...address, noDelay: true }),
    settings: { enablePush: false, initialWindowSize: windows.stream },
    // More than the windows allow: Node would otherwise refuse calls while it holds much data.
    maxSessionMemory: 1_000,
  });
  let failed: Error | undefined;
  session.once('connect', () => session.setLocalWindowSize(windows.connection));
  session.once('remoteSettings', () => events.ready());
  session.on('error', (error) => (failed = error));
  session.once('goaway', () => events.leaving());
  session.once('close', () => events.closed(failed));
  const isOpen = () => !session.closed && !session.destroyed;
  return {
    isOpen,
    call: (request) => attempt(session, request, isOpen, authority),
    // Node throws for a session that has ended, which it may be for a while before it says so.
    ping(answered) {
      if (!session.destroyed) session.ping(answered);
    },
    close: () => session.close(),
    destroy: (error) => session.destroy(error),
  };
};

function attempt(session: ClientHttp2Session, request: Request, isOpen: () => boolean, authority: string): Attempt {
  let stream: ClientHttp2Stream;
  try {
    stream = session.request(headersOf(request, authority));
  } catch (cause) {
    // The connection closed a moment ago; or the headers are not those of HTTP/2, which no other attempt would change.
    const isClosed = !isOpen();
    const error = isClosed
      ? connectionError('the connection was closed', cause)
      : new ConnectError('the call cannot be sent', Code.Internal, undefined, undefined, cause);
    return { outcome: Promise.resolve({ error, isUnseen: isClosed, hasResponded: false }), cancel: () => undefined };
  }
  let settle: (outcome: Answer | Failed) => void;
  const cancel = () => {
    // Not when the stream has closed: a server that reads nothing more would delay that.
    settle({ error: new ConnectError('cancelled', Code.Canceled), isUnseen: false, hasResponded: false });
    stream.close(constants.NGHTTP2_CANCEL);
  };
  const outcome = new Promise<Answer | Failed>((resolve) => {
    settle = resolve;
    const reply = new Reply(request.maxBytes);
    let cause: unknown;
    const checked = () => {
      if (reply.problem) stream.close(constants.NGHTTP2_CANCEL);
    };
    stream.on('response', (fields, flags) => {
      reply.fields(toFields(fields), (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
      checked();
    });
    stream.on('trailers', (fields) => reply.fields(toFields(fields), true));
    stream.on('data', (chunk: Buffer) => {
      reply.data(chunk);
      checked();
    });
    stream.on('error', (error) => (cause = error));
    stream.once('close', () => {
      const ended = reply.outcome() ?? unfinished(session, stream, cause);
      if (!(ended instanceof ConnectError)) return resolve(ended);
      resolve({ error: ended, isUnseen: isUnseen(stream), hasResponded: reply.hasBegun });
    });
  });
  stream.end(request.body);
  return { outcome, cancel };
}

function headersOf({ path, timeout, header }: Request, authority: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...fixedFields, ':authority': authority, ':path': path };
  if (timeout !== undefined) headers['grpc-timeout'] = timeout;
  for (const [name, value] of header) if (isSent(name, value)) headers[name] = value;
  return headers;
}

/** Returns why a stream closed before its response ended. */
function unfinished(session: ClientHttp2Session, stream: ClientHttp2Stream, cause: unknown): ConnectError {
  // Node also resets the streams of a lost connection, with another code.
  return session.destroyed ? connectionError('the connection was lost', cause) : resetError(stream.rstCode);
}

/** Whether the request was never sent, or the server said that it did not process it (RFC 9113 sections 6.8 and 8.7). */
function isUnseen(stream: ClientHttp2Stream): boolean {
  return stream.pending || stream.id === undefined || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
}
