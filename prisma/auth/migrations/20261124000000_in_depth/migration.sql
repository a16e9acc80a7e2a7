-- AlterTable
ALTER TABLE "auth"."sessions" ADD COLUMN     "network" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "auth"."signing_keys" ADD COLUMN     "retired_at" TIMESTAMPTZ(3),
ALTER COLUMN "sealed_private" DROP NOT NULL;

-- AlterTable
ALTER TABLE "auth"."users" ADD COLUMN     "tokens_from" TIMESTAMPTZ(3),
ADD COLUMN     "verified_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "auth"."roles" (
    "name" TEXT NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "roles_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "auth"."heads" (
    "id" BOOLEAN NOT NULL DEFAULT true,
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "revocation_sequence" BIGINT NOT NULL DEFAULT 0,
    "audit_sequence" BIGINT NOT NULL DEFAULT 0,
    "audit_hash" BYTEA NOT NULL,

    CONSTRAINT "heads_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."revocations" (
    "sequence" BIGINT NOT NULL,
    "kind" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "not_before" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("sequence")
);

-- CreateTable
CREATE TABLE "auth"."attempts" (
    "key" TEXT NOT NULL,
    "used" INTEGER NOT NULL,
    "resets_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "attempts_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "auth"."links" (
    "hash" BYTEA NOT NULL,
    "purpose" TEXT NOT NULL,
    "user_id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "links_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "auth"."assertions" (
    "id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "assertions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."secrets" (
    "name" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,

    CONSTRAINT "secrets_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "auth"."audit_events" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "kind" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL DEFAULT '',
    "subject_id" TEXT NOT NULL DEFAULT '',
    "ip" TEXT NOT NULL DEFAULT '',
    "request_id" TEXT NOT NULL DEFAULT '',
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."audit_chain" (
    "sequence" BIGINT NOT NULL,
    "event_id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_chain_pkey" PRIMARY KEY ("sequence")
);

-- CreateIndex
CREATE INDEX "revocations_expires_at_idx" ON "auth"."revocations"("expires_at");

-- CreateIndex
CREATE INDEX "attempts_resets_at_idx" ON "auth"."attempts"("resets_at");

-- CreateIndex
CREATE INDEX "links_user_id_idx" ON "auth"."links"("user_id");

-- CreateIndex
CREATE INDEX "links_expires_at_idx" ON "auth"."links"("expires_at");

-- CreateIndex
CREATE INDEX "assertions_expires_at_idx" ON "auth"."assertions"("expires_at");

-- CreateIndex
CREATE INDEX "audit_events_at_id_idx" ON "auth"."audit_events"("at", "id");

-- CreateIndex
CREATE INDEX "audit_events_actor_id_at_id_idx" ON "auth"."audit_events"("actor_id", "at", "id");

-- CreateIndex
CREATE INDEX "audit_events_subject_id_at_id_idx" ON "auth"."audit_events"("subject_id", "at", "id");

-- CreateIndex
CREATE INDEX "audit_events_kind_at_id_idx" ON "auth"."audit_events"("kind", "at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "audit_chain_event_id_key" ON "auth"."audit_chain"("event_id");

-- AddForeignKey
ALTER TABLE "auth"."links" ADD CONSTRAINT "links_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "auth"."users"("id") ON DELETE CASCADE ON UPDATE CASCADE;


ALTER TABLE "auth"."signing_keys" DROP CONSTRAINT "signing_keys_state_known";
ALTER TABLE "auth"."signing_keys" ADD CONSTRAINT "signing_keys_state_known"
  CHECK ("state" IN ('pending', 'active', 'retired', 'gone', 'revoked'));
-- A key that is out of use keeps no private part.
ALTER TABLE "auth"."signing_keys" ADD CONSTRAINT "signing_keys_private_part"
  CHECK (("sealed_private" IS NULL) = ("state" IN ('gone', 'revoked')));
CREATE UNIQUE INDEX "signing_keys_one_pending" ON "auth"."signing_keys" ("state") WHERE "state" = 'pending';

-- Finds accounts by the beginning of their address, whatever the collation. Its
-- condition always holds: Prisma, which has no word for the operator class, passes over partial indexes.
CREATE INDEX "users_email_prefix" ON "auth"."users" ("email" text_pattern_ops) WHERE "email" IS NOT NULL;

ALTER TABLE "auth"."heads" ADD CONSTRAINT "heads_one" CHECK ("id");
INSERT INTO "auth"."heads" ("audit_hash") VALUES ('\x');

-- Writes a revocation and wakes every replica. Called by triggers that wait for
-- the commit: the head's lock is the last that a transaction takes, so nobody who
-- holds it waits for anybody, and sequences become visible in their order.
CREATE FUNCTION "auth"."revoke"(kind text, target text, not_before timestamptz, life interval) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  next bigint;
BEGIN
  UPDATE auth.heads SET revocation_sequence = revocation_sequence + 1 RETURNING revocation_sequence INTO next;
  INSERT INTO auth.revocations (sequence, kind, target, not_before, revoked_at, expires_at)
  VALUES (next, kind, target, not_before, clock_timestamp(), clock_timestamp() + life);
  PERFORM pg_notify('signet_revocations', '');
END $$;

-- No verifier takes a token that claims to live longer than an hour; ten seconds
-- more are for clocks that are apart.
CREATE FUNCTION "auth"."on_session_end"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth.revoke('session', NEW.id::text, NULL, interval '1 hour 10 seconds');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "sessions_end" AFTER UPDATE OF "revoked_at" ON "auth"."sessions"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION "auth"."on_session_end"();

CREATE FUNCTION "auth"."on_tokens_from"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth.revoke('subject', NEW.id::text, NEW.tokens_from, interval '1 hour 10 seconds');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "users_tokens_from" AFTER UPDATE OF "tokens_from" ON "auth"."users"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.tokens_from IS DISTINCT FROM OLD.tokens_from) EXECUTE FUNCTION "auth"."on_tokens_from"();

CREATE FUNCTION "auth"."on_user_delete"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The id never comes back, so the time may be as late as it likes.
  PERFORM auth.revoke('subject', OLD.id::text, now() + interval '1 hour', interval '1 hour 10 seconds');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "users_delete" AFTER DELETE ON "auth"."users"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "auth"."on_user_delete"();

-- Whoever has a stolen key makes tokens with it as long as a verifier takes them: that is refused for longer
-- than any verifier can hold on to old public keys.
CREATE FUNCTION "auth"."on_key_revoke"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth.revoke('key', NEW.kid, NULL, interval '90 days');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "signing_keys_revoke" AFTER UPDATE OF "state" ON "auth"."signing_keys"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.state = 'revoked' AND OLD.state <> 'revoked') EXECUTE FUNCTION "auth"."on_key_revoke"();

-- Replicas read the keys anew.
CREATE FUNCTION "auth"."on_key_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('signet_keys', '');
  RETURN NULL;
END $$;
CREATE TRIGGER "signing_keys_change" AFTER INSERT OR UPDATE ON "auth"."signing_keys"
  FOR EACH STATEMENT EXECUTE FUNCTION "auth"."on_key_change"();

-- The hash of an event in its place: over the one before it, the place, and all that the event says.
CREATE FUNCTION "auth"."audit_hash"(before bytea, place bigint, e "auth"."audit_events") RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(before || convert_to(jsonb_build_array(
    place, e.id, (extract(epoch FROM e.at) * 1000)::bigint, e.kind, e.outcome, e.actor_id, e.subject_id, e.ip,
    e.request_id, e.details)::text, 'UTF8'))
$$;

CREATE FUNCTION "auth"."on_audit_event"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
  before bytea;
  link bytea;
BEGIN
  SELECT audit_sequence + 1, audit_hash INTO place, before FROM auth.heads FOR UPDATE;
  link := auth.audit_hash(before, place, NEW);
  INSERT INTO auth.audit_chain (sequence, event_id, hash) VALUES (place, NEW.id, link);
  UPDATE auth.heads SET audit_sequence = place, audit_hash = link;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "audit_events_chain" AFTER INSERT ON "auth"."audit_events"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "auth"."on_audit_event"();

CREATE FUNCTION "auth"."audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER "audit_events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "auth"."audit_events"
  FOR EACH STATEMENT EXECUTE FUNCTION "auth"."audit_is_append_only"();
CREATE TRIGGER "audit_chain_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "auth"."audit_chain"
  FOR EACH STATEMENT EXECUTE FUNCTION "auth"."audit_is_append_only"();
