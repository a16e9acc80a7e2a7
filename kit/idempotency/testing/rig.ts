import { create } from '@bufbuild/protobuf';
import { createContextValues } from '@connectrpc/connect';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { ownerTable } from '#kit/events/tables.ts';
import type { Principal } from '#kit/guard/claims.ts';
import { identityKey } from '#kit/guard/connect.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { emptyDatabase } from '#kit/testing/postgres.ts';
import { createIdempotency, type Idempotency } from '../idempotency.ts';
import { idempotencyTable } from '../table.ts';

/** The method of the tests. */
export const method = EchoService.method.create;

/** Idempotency keys over a database. */
export interface KeyDatabase {
  readonly url: Secret;
  readonly db: Transactional;
  readonly pool: Database['pool'];
  readonly keys: Idempotency;
  /** Rows of the table of keys. */
  count(): Promise<number>;
  close(): Promise<void>;
}

/** Creates a database with the schema `shop`: keys, owners, and `made`, the resources. */
export async function openKeyDatabase(lease?: number): Promise<KeyDatabase> {
  const fresh = await emptyDatabase();
  const database = openDatabase({ url: fresh.url, max: 10, applicationName: 'keys-test', log: silentLog });
  const { pool } = database;
  await pool.query('CREATE SCHEMA shop');
  await pool.query(idempotencyTable('shop'));
  await pool.query(ownerTable('shop'));
  await pool.query('CREATE TABLE shop.made (id uuid PRIMARY KEY)');
  const db = database.statements;
  return {
    url: fresh.url,
    db,
    pool,
    keys: createIdempotency({ db, schema: 'shop', ...(lease === undefined ? {} : { lease }) }),
    async count() {
      const { rows } = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM shop.idempotency_keys');
      return rows[0]?.count ?? 0;
    },
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}

/** Creates a request message. */
export function requestOf(text: string) {
  return create(method.input, { text });
}

/** Creates the context of a call. */
export function contextOf(subject: string, key?: string, signal = new AbortController().signal) {
  const user = { subject } as Principal;
  return {
    requestHeader: new Headers(key === undefined ? {} : { 'idempotency-key': key }),
    responseHeader: new Headers(),
    values: createContextValues().set(identityKey, { user }),
    signal,
  };
}
