-- CreateTable
CREATE TABLE "order"."orders" (
    "id" UUID NOT NULL,
    "user_id" UUID,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "lines" JSONB NOT NULL,
    "currency_code" TEXT NOT NULL,
    "total" DECIMAL(28,9) NOT NULL,
    "address" JSONB NOT NULL,
    "payment_method" TEXT NOT NULL DEFAULT '',
    "payment_id" UUID,
    "tracking_code" TEXT NOT NULL DEFAULT '',
    "cancel_requested_at" TIMESTAMPTZ(3),
    "cancel_reason" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 0,
    "step" TEXT,
    "failure" TEXT,
    "missing" TEXT NOT NULL DEFAULT '',
    "captured" BOOLEAN NOT NULL DEFAULT false,
    "payment_refunded" BOOLEAN NOT NULL DEFAULT false,
    "deadline" TIMESTAMPTZ(3) NOT NULL,
    "driver" UUID,
    "driven_until" TIMESTAMPTZ(3),

    CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "order"."history" (
    "order_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "reason" TEXT NOT NULL,
    "actor" TEXT NOT NULL,

    CONSTRAINT "history_pkey" PRIMARY KEY ("order_id","version")
);

-- CreateIndex
CREATE INDEX "orders_user_id_created_at_id_idx" ON "order"."orders"("user_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "orders_user_id_state_created_at_id_idx" ON "order"."orders"("user_id", "state", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "orders_created_at_id_idx" ON "order"."orders"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "orders_state_created_at_id_idx" ON "order"."orders"("state", "created_at" DESC, "id" DESC);

-- Owners of rows and the event log (kit/events/tables.ts).
CREATE TABLE "order"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

CREATE INDEX "owners_unconfirmed" ON "order"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;

CREATE TABLE "order"."events" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "n" BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    "position" BIGINT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_position_key" ON "order"."events" ("position");

-- The sequencer reads the rows that have no position yet, and no others.
CREATE INDEX "events_unnumbered" ON "order"."events" ("n") WHERE "position" IS NULL;

CREATE TABLE "order"."event_head" (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_head_pkey" PRIMARY KEY ("one")
);

INSERT INTO "order"."event_head" DEFAULT VALUES;

CREATE TABLE "order"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- Idempotency keys (kit/idempotency/table.ts).
CREATE TABLE "order"."idempotency_keys" (
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

CREATE INDEX "idempotency_keys_created_at_idx" ON "order"."idempotency_keys"("created_at");
