import { nameIn } from '#kit/store/sql.ts';

/**
 * The SQL that creates the table of a service's idempotency keys, for its migration (docs/idempotency.md). The schema
 * also has the table `owners` of kit/erasure.
 * @throws Error if the schema is not a plain name
 */
export function idempotencyTable(schema: string): string {
  const keys = nameIn(schema, 'idempotency_keys');
  return `
CREATE TABLE ${keys} (
    "user_id" UUID NOT NULL,
    "method" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request" BYTEA NOT NULL,
    "resource_id" UUID NOT NULL,
    "runs" INTEGER NOT NULL,
    "leased_until" TIMESTAMPTZ(3) NOT NULL,
    "response" BYTEA,
    "error" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("user_id","method","key")
);

CREATE INDEX "idempotency_keys_created_at_idx" ON ${keys}("created_at");
`;
}
