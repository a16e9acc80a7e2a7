-- A sign-in that has proved a password opens no session once the password is another, whatever statement changed it. The
-- same password hashed again (by a statement that sets signet.rehash) leaves sign-ins under way alone.
CREATE FUNCTION "auth"."on_password_hash"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.credentials_version := OLD.credentials_version + 1;
  RETURN NEW;
END $$;

CREATE TRIGGER "users_password_hash" BEFORE UPDATE OF "password_hash" ON "auth"."users" FOR EACH ROW
  WHEN (NEW.password_hash IS DISTINCT FROM OLD.password_hash AND current_setting('signet.rehash', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION "auth"."on_password_hash"();
