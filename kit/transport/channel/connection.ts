import type { Address, Attempt, OpenSession, Request, Session } from './session.ts';
import { connectionError } from './status.ts';

/** A connection to one address, which reconnects until it is closed. */
export interface Connection {
  isReady(): boolean;
  /** Begins a call. If it is not ready, the outcome is a failure that the server has not seen. */
  call(request: Request): Attempt;
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

/** Pings while calls are open: their interval, and how long to wait for the answer, ms. */
export interface Keepalive {
  readonly interval: number;
  readonly timeout: number;
}

/** Opens a connection without TLS. */
export function openConnection(options: {
  readonly openSession: OpenSession;
  readonly address: Address;
  /** For `:authority`. */
  readonly authority: string;
  readonly keepalive: Keepalive;
  /** Runs when the connection becomes ready, fails, or is lost. */
  readonly changed: () => void;
}): Connection {
  const { openSession, address, authority, keepalive, changed } = options;
  let current: Session | undefined;
  let connecting: Session | undefined;
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
  /** Sessions that finish their calls after a GOAWAY, with the timer that ends their time. */
  const draining = new Map<Session, NodeJS.Timeout>();

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
    let pings: NodeJS.Timeout | undefined;
    const session = openSession(address, authority, {
      ready() {
        clearTimeout(patience);
        if (connecting !== session) return;
        connecting = undefined;
        if (isClosed) return session.close();
        current = session;
        trouble = undefined;
        readyAt = performance.now();
        used = 0;
        pings = watch(session);
        changed();
      },
      leaving: () => leave(session),
      closed(error) {
        clearTimeout(patience);
        clearInterval(pings);
        clearTimeout(draining.get(session));
        draining.delete(session);
        if (connecting === session) {
          connecting = undefined;
          trouble = error ?? new Error('the connection was closed');
          retry();
          changed();
        }
        leave(session, true);
      },
    });
    connecting = session;
    const patience = setTimeout(
      () => session.destroy(new Error('the server does not respond')),
      connectTimeout,
    ).unref();
  }

  /** Uses a session for no more calls, and opens another one soon. */
  function leave(session: Session, isOver = false): void {
    if (current !== session) return;
    current = undefined;
    if (!isOver) draining.set(session, setTimeout(() => session.destroy(), drainTimeout).unref());
    if (performance.now() - readyAt >= stable) delay = backoff.first;
    retry();
    changed();
  }

  /** Ends a session whose server is gone without a word. */
  function watch(session: Session): NodeJS.Timeout {
    return setInterval(() => {
      if (calls === 0) return;
      const silent = () => session.destroy(new Error('the server does not answer'));
      const patience = setTimeout(silent, keepalive.timeout).unref();
      session.ping(() => clearTimeout(patience));
    }, keepalive.interval).unref();
  }

  begin();
  return {
    isReady: () => current?.isOpen() === true,
    call(request) {
      if (!current) {
        const error = connectionError('not connected', undefined);
        return { outcome: Promise.resolve({ error, isUnseen: true, hasResponded: false }), cancel: () => undefined };
      }
      const session = current;
      const attempt = session.call(request);
      calls += 1;
      attempt.outcome.finally(() => (calls -= 1)).catch(() => undefined);
      if ((used += 1) >= callsOfSession) {
        session.close();
        leave(session);
      }
      return attempt;
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
      for (const session of [current, connecting, ...draining.keys()]) {
        if (abort) session?.destroy();
        else session?.close();
      }
    },
  };
}
