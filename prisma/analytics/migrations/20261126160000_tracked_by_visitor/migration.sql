-- An erasure goes through the events of a visitor in batches.
CREATE INDEX "tracked_events_visitor_id_idx" ON "analytics"."tracked_events"("visitor", "id");

DROP INDEX "analytics"."tracked_events_visitor_idx";
