import { jetstream, type JetStreamClient, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { AwayError } from '#kit/errors/away.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** A connection to NATS with JetStream. It may be away at any time. */
export interface Bus {
  /** The connection. @throws AwayError while NATS is away */
  nats(): NatsConnection;
  js(): JetStreamClient;
  jsm(): JetStreamManager;
  close(): Promise<void>;
}

/** Interval of attempts to connect, ms. */
const reconnectEvery = 1_000;
/** Timeout of a request, ms. */
const timeout = 3_000;

/**
 * Connects to NATS in the background, and again whenever the connection breaks. The log has one line when NATS is away and
 * one when it is back.
 * @param url nats://user:password@host:port, or tls:. A name may have several addresses
 */
export function openBus(url: Secret, log: Log): Bus {
  let connected: { nats: NatsConnection; js: JetStreamClient; jsm: JetStreamManager } | undefined;
  let isAway = false;
  let timer: NodeJS.Timeout | undefined;
  let isClosing = false;
  let connecting: Promise<void> | undefined;

  async function attempt(): Promise<void> {
    let nats: NatsConnection | undefined;
    try {
      const { username, password, protocol, host } = new URL(url.reveal());
      nats = await connect({
        servers: host,
        ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
        ...(protocol === 'tls:' ? { tls: {} } : {}),
        timeout,
        // A broken connection is replaced below, with fresh consumers.
        reconnect: false,
        name: 'signet',
      });
      connected = {
        nats,
        js: jetstream(nats, { timeout }),
        jsm: await jetstreamManager(nats, { timeout, checkAPI: false }),
      };
      if (isAway) log.info('NATS is back');
      isAway = false;
      outlast(nats).catch(again);
    } catch (error) {
      await nats?.close().catch(() => undefined);
      if (!isAway) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn({ reason }, 'NATS_URL does not respond; events are read from their producers');
      }
      isAway = true;
      again();
    }
  }

  /** Connects again when a connection has ended. */
  async function outlast(nats: NatsConnection): Promise<void> {
    await nats.closed();
    connected = undefined;
    again();
  }

  function again(): void {
    if (isClosing) return;
    timer = setTimeout(() => {
      connecting = attempt();
    }, reconnectEvery).unref();
  }

  function open() {
    if (!connected) throw new AwayError('NATS is away');
    return connected;
  }

  connecting = attempt();
  return {
    nats: () => open().nats,
    js: () => open().js,
    jsm: () => open().jsm,
    async close() {
      isClosing = true;
      clearTimeout(timer);
      await connecting;
      await connected?.nats.close();
    },
  };
}
