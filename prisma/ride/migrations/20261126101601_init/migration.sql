-- CreateTable
CREATE TABLE "ride"."rides" (
    "id" UUID NOT NULL,
    "user_id" UUID,
    "raider_id" UUID,
    "state" TEXT NOT NULL DEFAULT 'requested',
    "pickup_latitude" DOUBLE PRECISION,
    "pickup_longitude" DOUBLE PRECISION,
    "pickup_address" TEXT NOT NULL,
    "dropoff_latitude" DOUBLE PRECISION,
    "dropoff_longitude" DOUBLE PRECISION,
    "dropoff_address" TEXT NOT NULL,
    "cell" INTEGER NOT NULL,
    "distance_meters" INTEGER NOT NULL,
    "currency_code" TEXT NOT NULL,
    "estimated_fare" DECIMAL(28,9) NOT NULL,
    "fare" DECIMAL(28,9),
    "payment_method" TEXT NOT NULL DEFAULT '',
    "payment_state" TEXT NOT NULL DEFAULT 'none',
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "charge" INTEGER NOT NULL DEFAULT 1,
    "cancelled_by" TEXT NOT NULL DEFAULT '',
    "cancel_reason" TEXT NOT NULL DEFAULT '',
    "position_latitude" DOUBLE PRECISION,
    "position_longitude" DOUBLE PRECISION,
    "position_at" TIMESTAMPTZ(3),
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "accepted_at" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "rides_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "rides_user_id_id_idx" ON "ride"."rides"("user_id", "id" DESC);

-- CreateIndex
CREATE INDEX "rides_user_id_state_id_idx" ON "ride"."rides"("user_id", "state", "id" DESC);

-- CreateIndex
CREATE INDEX "rides_raider_id_id_idx" ON "ride"."rides"("raider_id", "id" DESC);

-- CreateIndex
CREATE INDEX "rides_raider_id_state_id_idx" ON "ride"."rides"("raider_id", "state", "id" DESC);

-- CreateIndex
CREATE INDEX "rides_state_id_idx" ON "ride"."rides"("state", "id" DESC);

-- The open rides, by the cell of their pickup, and by the time of their expiry. A ride that is accepted leaves both.
CREATE INDEX "rides_open" ON "ride"."rides" ("cell") WHERE "state" = 'requested';
CREATE INDEX "rides_expiring" ON "ride"."rides" ("expires_at") WHERE "state" = 'requested';

-- Positions change often, and no index has them: room on each page keeps the updates on it.
ALTER TABLE "ride"."rides" SET (fillfactor = 85);

-- Owners of rows and the event log (kit/events/tables.ts).
CREATE TABLE "ride"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

CREATE INDEX "owners_unconfirmed" ON "ride"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;

CREATE TABLE "ride"."events" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "n" BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    "position" BIGINT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_position_key" ON "ride"."events" ("position");

-- The sequencer reads the rows that have no position yet, and no others.
CREATE INDEX "events_unnumbered" ON "ride"."events" ("n") WHERE "position" IS NULL;

CREATE TABLE "ride"."event_head" (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_head_pkey" PRIMARY KEY ("one")
);

INSERT INTO "ride"."event_head" DEFAULT VALUES;

CREATE TABLE "ride"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- Idempotency keys (kit/idempotency/table.ts).
CREATE TABLE "ride"."idempotency_keys" (
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

CREATE INDEX "idempotency_keys_created_at_idx" ON "ride"."idempotency_keys"("created_at");
