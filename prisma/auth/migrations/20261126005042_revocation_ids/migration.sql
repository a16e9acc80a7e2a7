-- A position on the stream of revocations names the entry at which it stands. After
-- commits were lost, the same number may be another entry: its id is another, too.

-- AlterTable
ALTER TABLE "auth"."heads" ADD COLUMN     "revocation_id" UUID NOT NULL DEFAULT gen_random_uuid();

-- AlterTable
ALTER TABLE "auth"."revocations" ADD COLUMN     "id" UUID NOT NULL DEFAULT gen_random_uuid();

UPDATE auth.heads SET revocation_id = r.id FROM auth.revocations r WHERE r.sequence = heads.revocation_sequence;

CREATE OR REPLACE FUNCTION "auth"."revoke"(kind text, target text, not_before timestamptz, life interval) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  next bigint;
  entry uuid;
BEGIN
  UPDATE auth.heads SET revocation_sequence = revocation_sequence + 1, revocation_id = gen_random_uuid()
  RETURNING revocation_sequence, revocation_id INTO next, entry;
  INSERT INTO auth.revocations (sequence, id, kind, target, not_before, revoked_at, expires_at)
  VALUES (next, entry, kind, target, not_before, clock_timestamp(), clock_timestamp() + life);
  PERFORM pg_notify('signet_revocations', '');
END $$;
