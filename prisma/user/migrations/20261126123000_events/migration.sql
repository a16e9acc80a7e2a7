-- The event log (kit/events/tables.ts).

CREATE TABLE "user"."events" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "n" BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    "position" BIGINT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_position_key" ON "user"."events" ("position");

-- The sequencer reads the rows that have no position yet, and no others.
CREATE INDEX "events_unnumbered" ON "user"."events" ("n") WHERE "position" IS NULL;

CREATE TABLE "user"."event_head" (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_head_pkey" PRIMARY KEY ("one")
);

INSERT INTO "user"."event_head" DEFAULT VALUES;

