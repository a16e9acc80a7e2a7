-- AlterTable
ALTER TABLE "auth"."roles" ADD COLUMN     "tokens_from" TIMESTAMPTZ(3);

-- What a role loses, all who have it lose at once, by one revocation. One for each of them would hold the head for as
-- long as there are people, and nobody could sign in or out meanwhile.
CREATE FUNCTION "auth"."on_role_tokens_from"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth.revoke('role', NEW.name, NEW.tokens_from, interval '1 hour 10 seconds');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "roles_tokens_from" AFTER UPDATE OF "tokens_from" ON "auth"."roles"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.tokens_from IS DISTINCT FROM OLD.tokens_from) EXECUTE FUNCTION "auth"."on_role_tokens_from"();

-- The time is that of the commit: whoever refreshes until then is given the role once more. It is later than that of
-- the last time, too: tokens made since then were issued at that time.
CREATE FUNCTION "auth"."on_role_delete"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth.revoke('role', OLD.name,
    greatest(date_trunc('second', clock_timestamp()) + interval '2 seconds', OLD.tokens_from + interval '1 second'),
    interval '1 hour 10 seconds');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "roles_delete" AFTER DELETE ON "auth"."roles"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "auth"."on_role_delete"();
