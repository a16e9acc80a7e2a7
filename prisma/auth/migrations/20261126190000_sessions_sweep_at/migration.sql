-- The default is a constant for the sessions that exist, so the table is not rewritten. The sweep looks at all of them
-- first, 1,000 at a time.
ALTER TABLE "auth"."sessions" ADD COLUMN "sweep_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
