import { createClient, type Transport } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { EventService, type WatchResponse } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { SecretKeptSchema } from '#gen/proto/signet/test/v1/events_pb.ts';
import { UserDeletedSchema, UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { listen } from '#kit/db/listen.ts';
import { connectGate } from '#kit/guard/connect.ts';
import { createGuard } from '#kit/guard/guard.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { silentLog } from '#kit/log/log.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { createTestIssuer } from '#kit/testing/tokens.ts';
import { createInProcessTransport } from '#kit/transport/in-process.ts';
import { startWork } from '#kit/work/work.ts';
import { createRecord } from '../record.ts';
import type { Bus } from '../nats/bus.ts';
import { overBus } from '../nats/source.ts';
import { serveEvents } from '../serve.ts';
import { consumerTables, producerTables } from '../tables.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { withCaller } from './with-caller.ts';

/** What the producer of the tests produces. */
export const produced = [UserRegisteredSchema, UserDeletedSchema, SecretKeptSchema] as const;

/** A database with a producer's schema, `auth`, and a consumer's, `user`, whose effects are rows of one table. */
export interface EventDatabase {
  readonly fresh: FreshDatabase;
  readonly database: Database;
  readonly db: Transactional;
  /** Records that an account was deleted, in a separate transaction. Returns the event's id. */
  tell(subject?: string): Promise<string>;
  /** The subjects of the effects, in the order in which they were written. */
  effects(): Promise<string[]>;
  /** The cursor of `user` for `auth`; undefined before it was read for the first time. */
  cursor(): Promise<{ position: string; history: string | null; last_id: string | null } | undefined>;
  /** Rows of a query. */
  rows<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Records in the schema `auth`. */
export const record = createRecord('auth', produced);

/** An event that tells of the deletion of an account. */
export function deleted(subject: string = randomUUID()) {
  return { type: UserDeletedSchema, subject, message: { userId: subject } };
}

/** Makes one. */
export async function openEventDatabase(): Promise<EventDatabase> {
  const fresh = await emptyDatabase();
  const database = openDatabase({ url: fresh.url, applicationName: 'events-test', log: silentLog });
  const { pool } = database;
  await pool.query('CREATE SCHEMA auth');
  await pool.query('CREATE SCHEMA "user"');
  await pool.query(producerTables('auth'));
  await pool.query(consumerTables('user'));
  await pool.query(
    'CREATE TABLE "user".effects (place int GENERATED ALWAYS AS IDENTITY, event uuid, subject text, at bigint)',
  );
  const db = database.statements;
  async function rows<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await pool.query<Row>(text, [...values])).rows;
  }
  return {
    fresh,
    database,
    db,
    async tell(subject) {
      const [id = ''] = await record(db, deleted(subject));
      return id;
    },
    async effects() {
      const written = await rows<{ subject: string }>('SELECT subject FROM "user".effects ORDER BY place');
      return written.map(({ subject }) => subject);
    },
    async cursor() {
      const [row] = await rows<{ position: string; history: string | null; last_id: string | null }>(
        `SELECT position, history, last_id FROM "user".event_cursors WHERE source = 'auth'`,
      );
      return row;
    },
    rows,
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}

/** A replica of the producer behind the real stack and guard. */
export interface Producer {
  readonly app: RpcApp;
  /** To it, as a service of the fleet. */
  as(service: string): Promise<Transport>;
  /** A service's own token. */
  token(service: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * Opens one, which numbers events and hears notifications.
 * @param options.statements what it reads its tables by; the database's client by default
 * @param options.bus where it also publishes its events, and its consumers read them; nowhere by default
 */
export async function openProducer(
  { db, fresh }: EventDatabase,
  { statements = db, bus }: { readonly statements?: Transactional; readonly bus?: Bus | undefined } = {},
): Promise<Producer> {
  const issuer = await createTestIssuer();
  const guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations: { isRevoked: () => false, age: () => 0 },
  });
  await guard.ready();
  const events = serveEvents({ db: statements, schema: 'auth', produces: produced, keep: 86_400_000 });
  const work = startWork(bus ? [...events.work, await events.relay(bus)] : events.work, {
    log: silentLog,
    metrics: noMetrics,
  });
  const heard = listen({ url: fresh.url, applicationName: 'events-test', heard: events.heard, log: silentLog });
  const app = createService({
    mounted: [events.mounted],
    checks: [connectGate(guard)],
    guard,
    ready: async () => undefined,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  return {
    app,
    token: (service) => issuer.callerToken(service),
    async as(service) {
      const direct = withCaller(createInProcessTransport(app), await issuer.callerToken(service));
      return bus ? overBus(direct, bus, 'auth') : direct;
    },
    async close() {
      events.close();
      await Promise.all([heard.close(), work.close()]);
      guard.close();
    },
  };
}

/** Where a watcher begins, and what it asks for; the beginning, and `user.deleted`, unless told. */
export interface Asked {
  readonly history?: string;
  readonly after?: bigint;
  readonly lastId?: string;
  readonly types?: string[];
}

/** Reads a stream until a message satisfies a condition; all messages up to that one. */
export async function watchUntil(
  transport: Transport,
  asked: Asked,
  isEnough: (message: WatchResponse, all: readonly WatchResponse[]) => boolean,
): Promise<WatchResponse[]> {
  const stop = new AbortController();
  const all: WatchResponse[] = [];
  try {
    const client = createClient(EventService, transport);
    for await (const message of client.watch({ types: ['user.deleted'], ...asked }, { signal: stop.signal })) {
      all.push(message);
      if (isEnough(message, all)) return all;
    }
    throw new Error('the stream ended');
  } finally {
    stop.abort();
  }
}
