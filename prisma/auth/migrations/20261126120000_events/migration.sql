-- The event log (kit/events/tables.ts).

CREATE TABLE "auth"."events" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "n" BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    "position" BIGINT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_position_key" ON "auth"."events" ("position");

-- The sequencer reads the rows that have no position yet, and no others.
CREATE INDEX "events_unnumbered" ON "auth"."events" ("n") WHERE "position" IS NULL;

CREATE TABLE "auth"."event_head" (
    "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
    "history" UUID NOT NULL DEFAULT gen_random_uuid(),
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_head_pkey" PRIMARY KEY ("one")
);

INSERT INTO "auth"."event_head" DEFAULT VALUES;

-- The erasures of deleted accounts' data in all services.
CREATE TABLE "auth"."erasures" (
    "user_id" UUID NOT NULL,
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "erasures_pkey" PRIMARY KEY ("user_id")
);

CREATE TABLE "auth"."erasure_confirmations" (
    "user_id" UUID NOT NULL,
    "service" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "erasure_confirmations_pkey" PRIMARY KEY ("user_id", "service"),
    CONSTRAINT "erasure_confirmations_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "auth"."erasures" ("user_id")
        ON DELETE CASCADE ON UPDATE CASCADE
);

-- Events of the accounts that exist already and of those that were deleted, so that consumers begin with all of them.
-- The payloads are UserRegistered and UserDeleted of signet.events.v1 in protobuf's binary format.
CREATE FUNCTION pg_temp.varint(value bigint) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  bytes bytea := '';
BEGIN
  WHILE value >= 128 LOOP
    bytes := bytes || set_byte('\x00', 0, (value % 128)::int + 128);
    value := value / 128;
  END LOOP;
  RETURN bytes || set_byte('\x00', 0, value::int);
END $$;

CREATE FUNCTION pg_temp.field(tag bytea, content bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT tag || pg_temp.varint(length(content)) || content
$$;

CREATE FUNCTION pg_temp.instant(at timestamptz) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT '\x08'::bytea || pg_temp.varint(floor(extract(epoch FROM at))::bigint)
    || '\x10'::bytea || pg_temp.varint((extract(milliseconds FROM at)::bigint % 1000) * 1000000)
$$;

INSERT INTO "auth"."events" (id, type, subject, data)
SELECT gen_random_uuid(), 'user.registered', u.id::text,
  pg_temp.field('\x0a', convert_to(u.id::text, 'UTF8'))
    || coalesce((SELECT string_agg(pg_temp.field('\x12', convert_to(role, 'UTF8')), '') FROM unnest(u.roles) AS role), '')
    || pg_temp.field('\x1a', pg_temp.instant(u.created_at))
FROM "auth"."users" u ORDER BY u.created_at, u.id;

INSERT INTO "auth"."erasures" (user_id, requested_at)
SELECT DISTINCT ON (e.subject_id) e.subject_id::uuid, e.at FROM "auth"."audit_events" e
WHERE e.kind = 'account_deleted' AND NOT EXISTS (SELECT FROM "auth"."users" u WHERE u.id::text = e.subject_id)
ORDER BY e.subject_id, e.at;

INSERT INTO "auth"."events" (id, type, subject, data)
SELECT gen_random_uuid(), 'user.deleted', user_id::text,
  pg_temp.field('\x0a', convert_to(user_id::text, 'UTF8')) || pg_temp.field('\x12', pg_temp.instant(requested_at))
FROM "auth"."erasures" ORDER BY requested_at, user_id;
