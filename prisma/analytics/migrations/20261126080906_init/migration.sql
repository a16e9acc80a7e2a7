-- CreateTable
CREATE TABLE "analytics"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "analytics"."visitors" (
    "user_id" UUID NOT NULL,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),

    CONSTRAINT "visitors_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "analytics"."facts" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "visitor" UUID,
    "currency" TEXT,
    "amount" DECIMAL,

    CONSTRAINT "facts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "analytics"."tracked_events" (
    "id" UUID NOT NULL,
    "visitor" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "properties" JSONB NOT NULL,

    CONSTRAINT "tracked_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "analytics"."counts" (
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "counts_pkey" PRIMARY KEY ("at","kind")
);

-- CreateTable
CREATE TABLE "analytics"."revenue" (
    "at" TIMESTAMPTZ(3) NOT NULL,
    "currency" TEXT NOT NULL,
    "amount" DECIMAL NOT NULL,

    CONSTRAINT "revenue_pkey" PRIMARY KEY ("at","currency")
);

-- CreateTable
CREATE TABLE "analytics"."activity" (
    "at" TIMESTAMPTZ(3) NOT NULL,
    "visitor" UUID NOT NULL,

    CONSTRAINT "activity_pkey" PRIMARY KEY ("at","visitor")
);

-- CreateTable
CREATE TABLE "analytics"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- CreateIndex
CREATE UNIQUE INDEX "visitors_id_key" ON "analytics"."visitors"("id");

-- CreateIndex
CREATE INDEX "facts_at_idx" ON "analytics"."facts"("at");

-- CreateIndex
CREATE INDEX "tracked_events_visitor_idx" ON "analytics"."tracked_events"("visitor");

-- CreateIndex
CREATE INDEX "tracked_events_at_idx" ON "analytics"."tracked_events"("at");

-- Prisma's schema language has no partial indexes: erasures to confirm (kit/events/tables.ts).
CREATE INDEX "owners_unconfirmed" ON "analytics"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;
