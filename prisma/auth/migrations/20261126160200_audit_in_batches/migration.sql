-- Audit events are chained in batches after their commit, so that no transaction waits for the commit of another one.
-- Waits for the transactions that have written events: from here on, all events of earlier releases have links.
DROP TRIGGER "audit_events_chain" ON "auth"."audit_events";
DROP FUNCTION "auth"."on_audit_event"();
DROP FUNCTION "auth"."audit_hash"(bytea, bigint, "auth"."audit_events");
ALTER TABLE "auth"."audit_events" RENAME TO "audit_events_earlier";

CREATE SEQUENCE "auth"."audit_events_n_seq";

-- One partition has the events that are not chained yet, one those of earlier releases (with links in audit_chain), and
-- one those that were chained in a month: a partition has consecutive positions, and is dropped as a whole.
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
    -- Order of insertion, of an event that is not chained yet.
    "n" BIGINT DEFAULT nextval('auth.audit_events_n_seq'),
    -- Month in which the event was chained.
    "month" DATE,
    "position" BIGINT,
    "hash" BYTEA
) PARTITION BY LIST ("month");

-- The constraint on the month, which is valid already, spares a scan.
ALTER TABLE "auth"."audit_events" ATTACH PARTITION "auth"."audit_events_earlier" FOR VALUES IN ('-infinity');
CREATE TABLE "auth"."audit_unchained" PARTITION OF "auth"."audit_events" (PRIMARY KEY ("n")) FOR VALUES IN (NULL)
  WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

CREATE TABLE "auth"."audit_head" (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "position" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,
    "month" DATE NOT NULL DEFAULT '-infinity',
    "anchor_position" BIGINT NOT NULL DEFAULT 0,
    "anchor_hash" BYTEA NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("one")
);
INSERT INTO "auth"."audit_head" ("position", "hash", "anchor_hash")
SELECT "audit_sequence", "audit_hash", '\x' FROM "auth"."heads";

-- Only the function that chains events may delete: it sets signet.audit meanwhile, by a statement, because a function's
-- SET clause would need a permission.
CREATE OR REPLACE FUNCTION "auth"."audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_unchained' AND current_setting('signet.audit', true) = 'chaining' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER "audit_events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "auth"."audit_events"
  FOR EACH STATEMENT EXECUTE FUNCTION "auth"."audit_is_append_only"();
CREATE TRIGGER "audit_events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "auth"."audit_unchained"
  FOR EACH STATEMENT EXECUTE FUNCTION "auth"."audit_is_append_only"();

-- What the hash of an event covers, except the hash of the previous one: its position, and all its data.
CREATE FUNCTION "auth"."audit_content"(place bigint, e "auth"."audit_events") RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT convert_to(jsonb_build_array(
    place, e.id, (extract(epoch FROM e.at) * 1000)::bigint, e.kind, e.outcome, e.actor_id, e.subject_id, e.ip,
    e.request_id, e.details)::text, 'UTF8')
$$;

CREATE FUNCTION "auth"."audit_hash"(before bytea, place bigint, e "auth"."audit_events") RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(before || auth.audit_content(place, e))
$$;

-- The hash of the last of several events: over the hash before the first one, and each event's content.
CREATE FUNCTION "auth"."audit_next_hash"(state bytea, before bytea, content bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(coalesce(state, before) || content)
$$;
CREATE AGGREGATE "auth"."audit_hash_over"(before bytea, content bytea) (
  SFUNC = "auth"."audit_next_hash", STYPE = bytea
);

-- Adds the partition of a month. Attaching it does not block inserts, unlike CREATE TABLE ... PARTITION OF.
CREATE FUNCTION "auth"."add_audit_month"(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 'audit_events_' || to_char(month, 'YYYY_MM');
BEGIN
  EXECUTE format('CREATE TABLE auth.%I (LIKE auth.audit_events, UNIQUE (position),
    CHECK (position IS NOT NULL AND hash IS NOT NULL AND month IS NOT NULL AND month = %L))', name, month);
  EXECUTE format('CREATE INDEX ON auth.%I (at, id)', name);
  EXECUTE format('CREATE INDEX ON auth.%I (actor_id, at, id)', name);
  EXECUTE format('CREATE INDEX ON auth.%I (subject_id, at, id)', name);
  EXECUTE format('CREATE INDEX ON auth.%I (kind, at, id)', name);
  EXECUTE format('CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.%I
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_is_append_only()', name);
  EXECUTE format('ALTER TABLE auth.audit_events ATTACH PARTITION auth.%I FOR VALUES IN (%L)', name, month);
END $$;

-- Chains committed events, at most so many, in the order of their insertion, and returns how many. Without an event to
-- chain it takes no lock, and it does nothing while another one is chaining. Each statement sees what was committed
-- before it began: an event that commits late is chained late, and none is left out.
CREATE FUNCTION "auth"."chain_audit_events"(most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  head auth.audit_head;
  this_month date;
  count int;
BEGIN
  PERFORM FROM auth.audit_unchained LIMIT 1;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  -- Not the lock of the head's row: it is free before other sessions learn of a new partition.
  IF NOT pg_try_advisory_xact_lock(hashtextextended('signet audit chain', 0)) THEN
    RETURN 0;
  END IF;
  SELECT * INTO head FROM auth.audit_head WHERE one FOR UPDATE;
  -- Not before the month of the last event, so that the positions of a partition stay consecutive.
  this_month := greatest(head.month, date_trunc('month', now() AT TIME ZONE 'UTC')::date);
  IF this_month > head.month THEN
    PERFORM auth.add_audit_month(this_month);
  END IF;
  PERFORM set_config('signet.audit', 'chaining', true);
  WITH moved AS (
    DELETE FROM auth.audit_unchained u
    WHERE u.n = ANY (ARRAY(SELECT o.n FROM auth.audit_unchained o ORDER BY o.n LIMIT most))
    RETURNING u.n, u::auth.audit_events AS e
  ), placed AS (
    SELECT head.position + row_number() OVER (ORDER BY n) AS place, e FROM moved
  ), chained AS (
    INSERT INTO auth.audit_events (
      id, at, kind, outcome, actor_id, subject_id, ip, request_id, details, n, month, position, hash)
    SELECT (e).id, (e).at, (e).kind, (e).outcome, (e).actor_id, (e).subject_id, (e).ip, (e).request_id, (e).details,
           NULL, this_month, place,
           auth.audit_hash_over(head.hash, auth.audit_content(place, e)) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING)
    FROM placed
    RETURNING position, hash
  ), last AS (
    SELECT position, hash FROM chained ORDER BY position DESC LIMIT 1
  ), advanced AS (
    UPDATE auth.audit_head h SET position = last.position, hash = last.hash, month = this_month FROM last WHERE h.one
  )
  SELECT count(*) INTO count FROM chained;
  PERFORM set_config('signet.audit', '', true);
  RETURN count;
END $$;

-- The chained events. Those of earlier releases have their positions and hashes in audit_chain.
CREATE VIEW "auth"."audit_links" AS
  SELECT e.position, e.hash, e.id AS event_id, true AS event_exists, e AS event
  FROM auth.audit_events e WHERE e.month > '-infinity'
  UNION ALL
  SELECT c.sequence, c.hash, c.event_id, e.id IS NOT NULL, e
  FROM auth.audit_chain c LEFT JOIN auth.audit_events e ON e.id = c.event_id AND e.month = '-infinity';
