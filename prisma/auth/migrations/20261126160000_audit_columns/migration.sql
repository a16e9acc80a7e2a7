-- The audit log becomes a partitioned table, in three migrations: this one adds columns without rewriting a row, the
-- second one reads all rows while sign-ins continue, and the third one makes this table the first partition.
ALTER TABLE "auth"."audit_events"
  ADD COLUMN "n" BIGINT,
  ADD COLUMN "month" DATE DEFAULT '-infinity',
  ADD COLUMN "position" BIGINT,
  ADD COLUMN "hash" BYTEA;

ALTER TABLE "auth"."audit_events"
  ADD CONSTRAINT "audit_events_earlier_month" CHECK ("month" IS NOT NULL AND "month" = '-infinity') NOT VALID;
