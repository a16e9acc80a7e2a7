import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { raw } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';

/** The tables, in a separate schema: they stand for another company's database. */
const tables = [
  `CREATE TABLE payment_sandbox.charges (
    key text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('captured', 'refused')),
    failure text NOT NULL,
    currency text,
    amount numeric(28, 9) CHECK (amount > 0),
    payment_method text,
    calls int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE payment_sandbox.refunds (
    key text PRIMARY KEY,
    charge_key text NOT NULL REFERENCES payment_sandbox.charges,
    amount numeric(28, 9) NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now())`,
];

/**
 * Creates the schema `payment_sandbox` and its tables if they are missing, which needs no right if they exist.
 * @param mayCreate false with SIGNET_MIGRATE=off
 * @throws StartError if they are missing and it may not create them
 */
export async function createLedger(db: Transactional, mayCreate = true): Promise<void> {
  await db.$transaction(async (tx) => {
    // Concurrent CREATE statements of replicas may fail.
    await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended('signet payment_sandbox', 0))::text`;
    const found = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM pg_tables WHERE schemaname = 'payment_sandbox' AND tablename = 'refunds'`;
    if (found.length > 0) return;
    if (!mayCreate) {
      throw new StartError(
        'the database lacks the schema "payment_sandbox". SIGNET_MIGRATE is off, so run with a user who may create it: ' +
          'npm run signet -- db migrate --grant-to <user>',
      );
    }
    await tx.$executeRaw`CREATE SCHEMA IF NOT EXISTS payment_sandbox`;
    for (const table of tables) await tx.$executeRaw(raw(table));
  });
}

/** As createLedger, in the database of a URL. */
export async function createLedgerIn(url: Secret): Promise<void> {
  const { statements, close } = openDatabase({ url, applicationName: 'signet-migrate', log: silentLog, max: 1 });
  try {
    await createLedger(statements);
  } finally {
    await close();
  }
}
