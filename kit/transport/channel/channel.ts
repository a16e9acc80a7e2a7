import { Code, ConnectError } from '@connectrpc/connect';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBell } from '#kit/call/bell.ts';
import type { Target } from './addresses.ts';
import { connectionError } from './status.ts';
import { type Connection, type Keepalive, openConnection } from './connection.ts';
import { type Answer, framed } from './reply.ts';
import type { Address, Failed, OpenSession } from './session.ts';

/** A unary call. */
export interface UnaryCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Whether the call may be sent again after a failure: it has no side effects, or only once. */
  readonly isIdempotent: boolean;
  readonly header: Headers;
  readonly message: Uint8Array;
  /** Time left, ms. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A channel for unary calls to a service, over all addresses of its name. */
export interface Channel {
  /** @throws ConnectError of the status, the deadline or the signal */
  unary(call: UnaryCall): Promise<Answer>;
  /** Closes the connections. Calls in progress fail. */
  close(): void;
}

/** Limits of a channel. */
export interface ChannelLimits {
  /** Longest response, bytes. */
  readonly maxResponse: number;
  /** Interval of pings while calls are open, and how long to wait for the answer, ms. */
  readonly keepalive: Keepalive;
}

const usualLimits: ChannelLimits = {
  // Services limit requests; a page of 100 items of a list may have several MiB.
  maxResponse: 64 * 1024 * 1024,
  keepalive: { interval: 20_000, timeout: 5_000 },
};

/** How long a call waits for a connection while all addresses fail, ms: another replica may start. Nothing was sent. */
const patience = 1_000;
/** Longest delay of a Node timer, ms. */
const longestTimer = 2 ** 31 - 1;
/**
 * Interval of resolving the name, ms: while calls are made, and after a connection was lost. A call waits for an answer that
 * is younger than `atLeast`.
 */
const resolveEvery = { usually: 5_000, afterLoss: 1_000, atLeast: 30_000 };
/** Retries of idempotent calls to an unavailable service: how often in all, and delays, ms. */
const retries = { attempts: 3, first: 50, longest: 500 };
/** Sends of a call that no server has seen. */
const unseenAttempts = 5;

/**
 * Opens a channel without TLS for the calls between services. A name is resolved on the first call and
 * again while calls are made; calls go to its addresses in turn (round robin).
 */
export function openChannel(
  { authority, resolve }: Target,
  openSession: OpenSession,
  limits: Partial<ChannelLimits> = {},
): Channel {
  const { maxResponse, keepalive } = { ...usualLimits, ...limits };
  const connections = new Map<string, Connection>();
  let turn = 0;
  let resolving: Promise<void> | undefined;
  let resolvedAt = -Infinity;
  let unresolved: unknown;
  let isClosed = false;
  /** Calls wait for it where they have no connection. */
  const bell = createBell();

  function changed(): void {
    if ([...connections.values()].some((connection) => !connection.isReady())) resolveAfter(resolveEvery.afterLoss);
    bell.ring();
  }

  function resolveAfter(ms: number): void {
    if (!resolving && !isClosed && performance.now() - resolvedAt > ms) resolving = refresh();
  }

  async function refresh(): Promise<void> {
    try {
      adopt(await resolve());
      unresolved = undefined;
    } catch (error) {
      // The known addresses stay.
      unresolved = error;
    } finally {
      resolvedAt = performance.now();
      resolving = undefined;
      changed();
    }
  }

  function adopt(addresses: readonly Address[]): void {
    if (isClosed) return;
    const wanted = new Map(addresses.map((address) => [`${address.host} ${address.port}`, address]));
    for (const [key, connection] of connections) {
      if (wanted.has(key)) continue;
      connections.delete(key);
      connection.close(false);
    }
    for (const [key, address] of wanted) {
      if (!connections.has(key))
        connections.set(key, openConnection({ openSession, address, authority, keepalive, changed }));
    }
  }

  function ready(): Connection | undefined {
    const usable = [...connections.values()].filter((connection) => connection.isReady());
    turn = (turn + 1) % Math.max(1, usable.length);
    return usable[turn];
  }

  /** Why there is no connection, once every address has failed. */
  function trouble(): unknown {
    if (connections.size === 0) return unresolved;
    const troubles = [...connections.values()].map((connection) => connection.trouble());
    return troubles.every((one) => one !== undefined) ? troubles[0] : undefined;
  }

  /** Returns a connection, waiting for one. @throws UNAVAILABLE */
  async function connectionFor(signal: AbortSignal): Promise<Connection> {
    resolveAfter(resolveEvery.usually);
    const end = performance.now() + patience;
    for (;;) {
      if (signal.aborted) throw new ConnectError('not sent', Code.Canceled);
      if (isClosed) throw connectionError('the channel is closed', undefined);
      // After an idle time an address may be another service's, which must not see the call's tokens.
      if (performance.now() - resolvedAt < resolveEvery.atLeast) {
        const found = ready();
        if (found) return found;
        for (const connection of connections.values()) connection.hurry();
      }
      const left = end - performance.now();
      const why = trouble();
      if (why !== undefined && left <= 0) throw connectionError('no connection to the service', why);
      await bell.wait(left > 0 ? left : patience, signal);
    }
  }

  /** Sends a call once, on any connection. */
  async function send(call: UnaryCall, deadline: number, body: Buffer, signal: AbortSignal): Promise<Answer | Failed> {
    const connection = await connectionFor(signal);
    const { path, header } = call;
    const { outcome, cancel } = connection.call({
      path,
      header,
      timeout: timeoutUntil(deadline),
      body,
      maxBytes: maxResponse,
    });
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    return outcome.finally(() => signal.removeEventListener('abort', cancel));
  }

  async function sendUntilAnswered(call: UnaryCall, deadline: number, signal: AbortSignal): Promise<Answer> {
    const frame = framed(call.message);
    let seen = 0;
    for (let sent = 1; ; sent += 1) {
      const outcome = await send(call, deadline, frame, signal);
      if ('message' in outcome) return outcome;
      const { error, isUnseen } = outcome;
      if (isUnseen && sent < unseenAttempts && !signal.aborted) continue;
      seen += 1;
      const pause = seen < retries.attempts && !signal.aborted ? pauseAfter(call, outcome, seen) : undefined;
      if (pause === undefined) throw error;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }

  return {
    async unary(call) {
      const { timeoutMs, signal } = call;
      if (signal?.aborted) throw ConnectError.from(signal.reason, Code.Canceled);
      if (timeoutMs <= 0) throw late();
      const ended = new AbortController();
      const timer = Number.isFinite(timeoutMs)
        ? setTimeout(() => ended.abort(), Math.min(timeoutMs, longestTimer))
        : undefined;
      const leave = () => ended.abort();
      signal?.addEventListener('abort', leave, { once: true });
      try {
        return await sendUntilAnswered(call, Date.now() + timeoutMs, ended.signal);
      } catch (error) {
        if (signal?.aborted) throw ConnectError.from(signal.reason, Code.Canceled);
        if (ended.signal.aborted) throw late();
        throw error;
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      }
    },
    close() {
      isClosed = true;
      for (const connection of connections.values()) connection.close(true);
      changed();
    },
  };
}

/**
 * How long to wait before an idempotent call is sent again, ms; undefined: not at all. A server that began a response is
 * not asked again, nor one that says so (gRFC A6: `grpc-retry-pushback-ms`).
 */
function pauseAfter({ isIdempotent }: UnaryCall, { error, hasResponded }: Failed, seen: number): number | undefined {
  if (!isIdempotent || hasResponded || error.code !== Code.Unavailable) return undefined;
  const pushback = error.metadata.get('grpc-retry-pushback-ms');
  if (pushback !== null) return /^\d{1,6}$/.test(pushback) ? Number(pushback) : undefined;
  return Math.random() * Math.min(retries.first * 3 ** (seen - 1), retries.longest);
}

function late(): ConnectError {
  return new ConnectError('the deadline has passed', Code.DeadlineExceeded);
}

/** Longest timeout that gRPC can carry in ms: eight digits. */
const longestTimeout = 99_999_999;

/** Returns the value of `grpc-timeout`; undefined for a call without a deadline. */
function timeoutUntil(deadline: number): string | undefined {
  if (!Number.isFinite(deadline)) return undefined;
  return `${Math.min(longestTimeout, Math.max(1, Math.ceil(deadline - Date.now())))}m`;
}
