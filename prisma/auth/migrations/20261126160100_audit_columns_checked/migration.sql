-- Reads the whole table. Its lock does not block inserts.
ALTER TABLE "auth"."audit_events" VALIDATE CONSTRAINT "audit_events_earlier_month";
