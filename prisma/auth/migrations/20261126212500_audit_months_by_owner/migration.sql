-- The service adds and drops months of the audit log. These functions have the rights of their owner, so that the role of
-- the service needs none to create tables.
ALTER FUNCTION "auth"."add_audit_month"(date) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION "auth"."drop_audit_events"(interval) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

REVOKE EXECUTE ON FUNCTION "auth"."add_audit_month"(date) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION "auth"."drop_audit_events"(interval) FROM PUBLIC;
