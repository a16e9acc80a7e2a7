CREATE SCHEMA IF NOT EXISTS "auth";

CREATE TABLE "auth"."users" (
  "id" UUID NOT NULL,
  "email" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "password_hash" TEXT NOT NULL,
  "roles" TEXT[] NOT NULL,
  "disabled_at" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "users_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "users_email_lower_case" CHECK ("email" = lower("email"))
);

CREATE UNIQUE INDEX "users_email_key" ON "auth"."users" ("email");

-- Every refresh updates its row: with room left in the page and no index on a
-- column that changes, the update stays in the page and touches no index.
CREATE TABLE "auth"."sessions" (
  "id" UUID NOT NULL,
  "user_id" UUID NOT NULL,
  "client_id" TEXT NOT NULL,
  "device_label" TEXT NOT NULL,
  "ip" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "last_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "idle_expires_at" TIMESTAMPTZ(3) NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "auth_time" TIMESTAMPTZ(3) NOT NULL,
  "amr" TEXT[] NOT NULL,
  "counter" INTEGER NOT NULL DEFAULT 0,
  "rotated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "secret" BYTEA NOT NULL,
  "revoked_at" TIMESTAMPTZ(3),
  "revoked_reason" TEXT,
  CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "auth"."users" ("id")
    ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "sessions_counter_whole" CHECK ("counter" >= 0)
) WITH (fillfactor = 85);

CREATE INDEX "sessions_user_id_idx" ON "auth"."sessions" ("user_id");

CREATE TABLE "auth"."signing_keys" (
  "kid" TEXT NOT NULL,
  "alg" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "public_jwk" JSONB NOT NULL,
  "sealed_private" BYTEA NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "activated_at" TIMESTAMPTZ(3),
  CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid"),
  CONSTRAINT "signing_keys_state_known" CHECK ("state" IN ('pending', 'active', 'retired'))
);

-- Exactly one key signs; two processes that make the first key meet here.
CREATE UNIQUE INDEX "signing_keys_one_active" ON "auth"."signing_keys" ("state") WHERE "state" = 'active';
