-- ownerTable (kit/events/tables.ts)
CREATE TABLE "payment"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

CREATE INDEX "owners_unconfirmed" ON "payment"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;

-- CreateTable
CREATE TABLE "payment"."payments" (
    "id" UUID NOT NULL,
    "user_id" UUID,
    "order_id" UUID,
    "state" TEXT NOT NULL,
    "currency" TEXT,
    "amount" DECIMAL(28,9),
    "refunded" DECIMAL(28,9) NOT NULL DEFAULT 0,
    "refunding" DECIMAL(28,9) NOT NULL DEFAULT 0,
    "payment_method" TEXT,
    "description" TEXT,
    "failure_code" TEXT NOT NULL DEFAULT '',
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "attempted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "due_at" TIMESTAMPTZ(3),
    "asks" INTEGER NOT NULL DEFAULT 0,
    "refund_requested_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "payments_pkey" PRIMARY KEY ("id"),
    -- Only an order that was refunded before it was charged has no amount.
    CONSTRAINT "payments_amount_check" CHECK (("amount" IS NULL) = ("currency" IS NULL) AND ("amount" IS NOT NULL OR "state" = 'failed')),
    -- What was given back, or is on its way, never exceeds what was captured.
    CONSTRAINT "payments_refunded_check" CHECK ("refunded" >= 0 AND "refunding" >= 0 AND "refunded" + "refunding" <= coalesce("amount", 0)),
    CONSTRAINT "payments_due_check" CHECK (("due_at" IS NOT NULL) = ("state" = 'pending'))
);

-- CreateTable
CREATE TABLE "payment"."refunds" (
    "id" UUID NOT NULL,
    "payment_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "amount" DECIMAL(28,9) NOT NULL,
    "reason" TEXT NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "asks" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "refunds_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "refunds_amount_check" CHECK ("amount" > 0),
    CONSTRAINT "refunds_due_check" CHECK (("due_at" IS NOT NULL) = ("state" = 'pending'))
);

-- CreateTable
CREATE TABLE "payment"."idempotency_keys" (
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

-- producerTables (kit/events/tables.ts)
CREATE TABLE "payment"."events" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "n" BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    "position" BIGINT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_position_key" ON "payment"."events" ("position");

-- The sequencer reads the rows that have no position yet, and no others.
CREATE INDEX "events_unnumbered" ON "payment"."events" ("n") WHERE "position" IS NULL;

CREATE TABLE "payment"."event_head" (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_head_pkey" PRIMARY KEY ("one")
);

INSERT INTO "payment"."event_head" DEFAULT VALUES;

-- CreateTable
CREATE TABLE "payment"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- CreateIndex
CREATE UNIQUE INDEX "payments_order_id_key" ON "payment"."payments"("order_id");

-- CreateIndex
CREATE INDEX "payments_user_id_created_at_id_idx" ON "payment"."payments"("user_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "payments_created_at_id_idx" ON "payment"."payments"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "payments_state_created_at_id_idx" ON "payment"."payments"("state", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "refunds_payment_id_idx" ON "payment"."refunds"("payment_id");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "payment"."idempotency_keys"("created_at");

-- The work that continues payments and refunds reads the pending ones, and no others.
CREATE INDEX "payments_due" ON "payment"."payments"("due_at") WHERE "state" = 'pending';
CREATE INDEX "refunds_due" ON "payment"."refunds"("due_at") WHERE "state" = 'pending';

-- AddForeignKey
ALTER TABLE "payment"."refunds" ADD CONSTRAINT "refunds_payment_id_fkey" FOREIGN KEY ("payment_id") REFERENCES "payment"."payments"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
