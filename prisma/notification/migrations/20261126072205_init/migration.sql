-- CreateTable
CREATE TABLE "notification"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "notification"."languages" (
    "user_id" UUID NOT NULL,
    "locale" TEXT NOT NULL,

    CONSTRAINT "languages_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "notification"."notifications" (
    "id" UUID NOT NULL,
    "place" BIGSERIAL NOT NULL,
    "event_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "data" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "read_at" TIMESTAMPTZ(3),

    CONSTRAINT "notifications_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notification"."preferences" (
    "user_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "email" BOOLEAN NOT NULL,
    "sms" BOOLEAN NOT NULL,

    CONSTRAINT "preferences_pkey" PRIMARY KEY ("user_id","kind")
);

-- CreateTable
CREATE TABLE "notification"."mails" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "recipient" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "html" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "mails_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notification"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- CreateIndex
CREATE UNIQUE INDEX "notifications_place_key" ON "notification"."notifications"("place");

-- CreateIndex
CREATE INDEX "notifications_user_id_place_idx" ON "notification"."notifications"("user_id", "place");

-- CreateIndex
CREATE UNIQUE INDEX "notifications_event_id_kind_key" ON "notification"."notifications"("event_id", "kind");

-- CreateIndex
CREATE INDEX "mails_created_at_id_idx" ON "notification"."mails"("created_at", "id");

-- CreateIndex
CREATE INDEX "mails_recipient_created_at_id_idx" ON "notification"."mails"("recipient", "created_at", "id");

-- CreateIndex
CREATE INDEX "mails_user_id_idx" ON "notification"."mails"("user_id");

-- Prisma's schema language has no partial indexes: unread notifications, and erasures to confirm (kit/events/tables.ts).
CREATE INDEX "notifications_unread" ON "notification"."notifications" ("user_id", "place") WHERE "read_at" IS NULL;

CREATE INDEX "owners_unconfirmed" ON "notification"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;
