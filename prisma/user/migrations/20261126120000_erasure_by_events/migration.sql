-- How far the events of the auth service are applied (kit/events/tables.ts).

CREATE TABLE "user"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- Confirmations of erasures to the auth service. Earlier erasures are confirmed as well.
ALTER TABLE "user"."owners" ADD COLUMN "confirmed_at" TIMESTAMPTZ(3);

CREATE INDEX "owners_unconfirmed" ON "user"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;

-- NULL: the name of the account.
ALTER TABLE "user"."profiles" ALTER COLUMN "name" DROP NOT NULL, ALTER COLUMN "name" DROP DEFAULT;
