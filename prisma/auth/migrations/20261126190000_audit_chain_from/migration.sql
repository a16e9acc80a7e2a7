-- AlterTable
ALTER TABLE "auth"."audit_head" ADD COLUMN     "n" BIGINT NOT NULL DEFAULT 0;

DROP FUNCTION "auth"."chain_audit_events"(int);

-- Chains committed events, at most so many, in the order of their insertion, and returns how many. Without an event to
-- chain it takes no lock, and it does nothing while another one is chaining. Each statement sees what was committed
-- before it began: an event that commits late is chained late, and none is left out.
--
-- Chained events leave dead rows in audit_unchained, which stay while an old snapshot is in use, such as that of a backup,
-- and which a search from the lowest `n` passes each time. A search that is not for everything begins 10,000 before the
-- last event that was chained: an event that commits after as many others waits for a search for everything.
CREATE FUNCTION "auth"."chain_audit_events"(most int, everything boolean DEFAULT true) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  head auth.audit_head;
  low bigint := 0;
  this_month date;
  count int;
BEGIN
  IF NOT everything THEN
    SELECT h.n - 10000 INTO low FROM auth.audit_head h WHERE h.one;
  END IF;
  PERFORM FROM auth.audit_unchained u WHERE u.n > low LIMIT 1;
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
    WHERE u.n = ANY (ARRAY(SELECT o.n FROM auth.audit_unchained o WHERE o.n > low ORDER BY o.n LIMIT most))
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
    UPDATE auth.audit_head h SET position = last.position, hash = last.hash, month = this_month,
      n = greatest(h.n, (SELECT max(moved.n) FROM moved))
    FROM last WHERE h.one
  )
  SELECT count(*) INTO count FROM chained;
  PERFORM set_config('signet.audit', '', true);
  RETURN count;
END $$;
