import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';

/** An address of a service. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A connection to one address, which reconnects until it is closed. */
export interface Connection {
  isReady(): boolean;
  /** Begins a call. @throws Error if it is not ready */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Why the last attempt to connect failed; undefined while the first one runs, and while it is ready. */
  trouble(): Error | undefined;
  /** A call needs it: it connects soon if it waits for its next attempt, or has stopped trying. */
  hurry(): void;
  /** Connects no more. Calls in progress end, or fail with `abort`. */
  close(abort: boolean): void;
}

/** Time for the connection and the server's settings, ms. */
const connectTimeout = 5_000;
/**
 * Delay of the first attempt after a failure, longest delay, and shortest delay while a call waits, ms. A failure doubles
 * the delay, and so does a connection that ends within a second: a server at its limit of connections accepts it first.
 */
const backoff = { first: 100, longest: 2_000, wanted: 250 };
/** Time after which a connection was a success, ms. */
const stable = 1_000;
/** Attempts without a call that needs them. */
const unwantedAttempts = 5;
/** How long a session that gets no more calls may take to finish its calls, ms. */
const drainTimeout = 600_000;
/** Calls on a session: HTTP/2 has ids for 2^30 of them. */
const callsOfSession = 2 ** 29;
/** Bytes that a server may send before the client has read some of them: on a connection, and for a call. */
const windows = { connection: 16 * 1024 * 1024, stream: 1024 * 1024 };

/** Pings while calls are open: their interval, and how long to wait for the answer, ms. */
export interface Keepalive {
  readonly interval: number;
  readonly timeout: number;
}

/** Opens a connection without TLS. */
export function openConnection(options: {
  readonly address: Address;
  /** For `:authority`. */
  readonly authority: string;
  readonly keepalive: Keepalive;
  /** Runs when the connection becomes ready, fails, or is lost. */
  readonly changed: () => void;
}): Connection {
  const { address, authority, keepalive, changed } = options;
  let current: ClientHttp2Session | undefined;
  let connecting: ClientHttp2Session | undefined;
  let trouble: Error | undefined;
  let delay = backoff.first;
  let begunAt = -Infinity;
  let readyAt = Infinity;
  let unwanted = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  /** Calls in progress, on all sessions, and all calls of the current one. */
  let calls = 0;
  let used = 0;
  /** Sessions that finish their calls, after a GOAWAY or `close`. */
  const draining = new Set<ClientHttp2Session>();

  function retry(): void {
    if (isClosed || timer || connecting || (unwanted += 1) > unwantedAttempts) return;
    // Spread, so that the callers of a restarted server do not all return at once.
    timer = setTimeout(begin, delay * (0.8 + 0.4 * Math.random())).unref();
    delay = Math.min(delay * 2, backoff.longest);
  }

  function begin(): void {
    clearTimeout(timer);
    timer = undefined;
    if (isClosed || connecting || current) return;
    begunAt = performance.now();
    const session = connect(`http://${authority}`, {
      createConnection: () => connectTcp({ ...address, noDelay: true }),
      settings: { enablePush: false, initialWindowSize: windows.stream },
      // More than the windows allow: Node would otherwise refuse calls while it holds much data.
      maxSessionMemory: 1_000,
    });
    connecting = session;
    const patience = setTimeout(
      () => session.destroy(new Error('the server does not respond')),
      connectTimeout,
    ).unref();
    let failed: Error | undefined;
    session.once('connect', () => session.setLocalWindowSize(windows.connection));
    session.once('remoteSettings', () => {
      clearTimeout(patience);
      if (connecting !== session) return;
      connecting = undefined;
      if (isClosed) return session.close();
      current = session;
      trouble = undefined;
      readyAt = performance.now();
      used = 0;
      watch(session);
      changed();
    });
    session.on('error', (error) => (failed = error));
    session.once('goaway', () => leave(session));
    session.once('close', () => {
      clearTimeout(patience);
      draining.delete(session);
      if (connecting === session) {
        connecting = undefined;
        trouble = failed ?? new Error('the connection was closed');
        retry();
        changed();
      }
      leave(session);
    });
  }

  /** Uses a session for no more calls, and opens another one soon. */
  function leave(session: ClientHttp2Session): void {
    if (current !== session) return;
    current = undefined;
    if (!session.destroyed) {
      draining.add(session);
      const patience = setTimeout(() => session.destroy(), drainTimeout).unref();
      session.once('close', () => clearTimeout(patience));
    }
    if (performance.now() - readyAt >= stable) delay = backoff.first;
    retry();
    changed();
  }

  /** Ends a session whose server is gone without a word. */
  function watch(session: ClientHttp2Session): void {
    const pings = setInterval(() => {
      if (calls === 0 || session.destroyed) return;
      const silent = () => session.destroy(new Error('the server does not answer'));
      const patience = setTimeout(silent, keepalive.timeout).unref();
      session.ping(() => clearTimeout(patience));
    }, keepalive.interval).unref();
    session.once('close', () => clearInterval(pings));
  }

  begin();
  return {
    isReady: () => current !== undefined && !current.closed && !current.destroyed,
    request(headers) {
      if (!current) throw new Error('not connected');
      const session = current;
      const stream = session.request(headers);
      calls += 1;
      stream.once('close', () => (calls -= 1));
      if ((used += 1) >= callsOfSession) {
        session.close();
        leave(session);
      }
      return stream;
    },
    trouble: () => trouble,
    hurry() {
      unwanted = 0;
      if (performance.now() - begunAt >= backoff.wanted) begin();
    },
    close(abort) {
      isClosed = true;
      clearTimeout(timer);
      timer = undefined;
      for (const session of [current, connecting, ...draining]) {
        if (abort) session?.destroy();
        else session?.close();
      }
    },
  };
}
