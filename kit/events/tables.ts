import { raw, type Sql } from '#kit/store/sql.ts';

/** The tables: the first two are a producer's, the third one is a consumer's, the last one is that of erasure (kit/erasure). */
type EventTable = 'events' | 'event_head' | 'event_cursors' | 'owners';

const schemaForm = /^[a-z_][a-z0-9_]{0,39}$/;

/**
 * A table of a service, quoted: a service may be called `user` or `order`.
 * @param schema the service's schema, which is its name
 * @throws Error where the schema is not a plain name of at most 40 characters: it goes into statements as it is
 */
export function tableOf(schema: string, table: EventTable): Sql {
  return raw(nameIn(schema, table));
}

/**
 * The channel on which PostgreSQL notifies a producer's processes of events that were numbered.
 * @throws Error where the schema is not a plain name of at most 40 characters
 */
export function channelsOf(schema: string): { readonly numbered: string } {
  assertSchema(schema);
  return { numbered: `signet_${schema}_numbered` };
}

/**
 * The SQL that makes a producer's tables in its schema, for its migration (docs/events.md).
 * @throws Error where the schema is not a plain name of at most 40 characters
 */
export function producerTables(schema: string): string {
  const [events, head] = [nameIn(schema, 'events'), nameIn(schema, 'event_head')];
  return `
CREATE TABLE ${events} (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "n" BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    "position" BIGINT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_position_key" ON ${events} ("position");

-- The sequencer reads the rows that have no position yet, and no others.
CREATE INDEX "events_unnumbered" ON ${events} ("n") WHERE "position" IS NULL;

CREATE TABLE ${head} (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_head_pkey" PRIMARY KEY ("one")
);

INSERT INTO ${head} DEFAULT VALUES;
`;
}

/**
 * The SQL that makes a consumer's table in its schema, for its migration (docs/events.md).
 * @throws Error where the schema is not a plain name of at most 40 characters
 */
export function consumerTables(schema: string): string {
  return `
CREATE TABLE ${nameIn(schema, 'event_cursors')} (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);
`;
}

/**
 * The SQL that makes the table of a service that keeps rows of users and erases them (kit/erasure), for its migration.
 * @throws Error where the schema is not a plain name of at most 40 characters
 */
export function ownerTable(schema: string): string {
  const owners = nameIn(schema, 'owners');
  return `
CREATE TABLE ${owners} (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

CREATE INDEX "owners_unconfirmed" ON ${owners} ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;
`;
}

function nameIn(schema: string, table: EventTable): string {
  assertSchema(schema);
  return `"${schema}"."${table}"`;
}

/** Channels are identifiers, of at most 63 bytes: a longer schema would be cut off. */
function assertSchema(schema: string): void {
  if (!schemaForm.test(schema)) throw new Error(`"${schema}" is not the name of a schema with an event log`);
}
