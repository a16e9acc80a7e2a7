-- Also lets the function that drops old events empty the table of links of earlier releases.
CREATE OR REPLACE FUNCTION "auth"."audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE current_setting('signet.audit', true)
    WHEN 'chaining' THEN
      IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_unchained' THEN
        RETURN NULL;
      END IF;
    WHEN 'dropping' THEN
      IF TG_OP = 'TRUNCATE' AND TG_TABLE_NAME = 'audit_chain' THEN
        RETURN NULL;
      END IF;
    ELSE NULL;
  END CASE;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

-- Drops the oldest partition of chained events if all its events are older than `keep`, and returns its name and its last
-- position; nothing if there is none to drop, or while events are being chained. The anchor keeps the hash of its last
-- event, on which the first event that stays was chained. The partition in which events are chained stays.
--
-- Detaching a partition locks the table against inserts, and waits for the transactions that use it: not longer than a
-- fifth of a second, for which new sign-ins wait behind it. It fails then, and can be tried again.
CREATE FUNCTION "auth"."drop_audit_events"(keep interval, OUT dropped text, OUT last_position bigint) LANGUAGE plpgsql AS $$
DECLARE
  earlier constant text := 'audit_events_earlier';
  head auth.audit_head;
  newest timestamptz;
  last_hash bytea;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('signet audit chain', 0)) THEN
    RETURN;
  END IF;
  SELECT * INTO head FROM auth.audit_head WHERE one FOR UPDATE;
  SELECT c.relname INTO dropped FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'auth.audit_events'::regclass AND c.relname NOT IN (
    'audit_unchained', 'audit_events_' || to_char(head.month, 'YYYY_MM'))
  ORDER BY c.relname <> earlier, c.relname LIMIT 1;
  IF dropped IS NOT NULL THEN
    EXECUTE format('SELECT max(at) FROM auth.%I', dropped) INTO newest;
  END IF;
  IF dropped IS NULL OR newest >= now() - keep THEN
    dropped := NULL;
    RETURN;
  END IF;
  PERFORM set_config('lock_timeout', '200ms', true);
  IF dropped = earlier THEN
    SELECT c.sequence, c.hash INTO last_position, last_hash FROM auth.audit_chain c ORDER BY c.sequence DESC LIMIT 1;
    PERFORM set_config('signet.audit', 'dropping', true);
    TRUNCATE auth.audit_chain;
    PERFORM set_config('signet.audit', '', true);
  ELSE
    EXECUTE format('SELECT position, hash FROM auth.%I ORDER BY position DESC LIMIT 1', dropped)
      INTO last_position, last_hash;
  END IF;
  EXECUTE format('ALTER TABLE auth.audit_events DETACH PARTITION auth.%I', dropped);
  EXECUTE format('DROP TABLE auth.%I', dropped);
  -- A partition of earlier releases may be empty.
  UPDATE auth.audit_head SET anchor_position = last_position, anchor_hash = last_hash
  WHERE one AND last_position IS NOT NULL;
END $$;
