-- DropIndex
DROP INDEX "auth"."sessions_user_id_idx";

-- CreateIndex
CREATE INDEX "sessions_user_id_network_created_at_idx" ON "auth"."sessions"("user_id", "network", "created_at");

-- CreateIndex
CREATE INDEX "users_roles_idx" ON "auth"."users" USING GIN ("roles");


-- Finds the sessions of somebody that live, however many have ended.
CREATE INDEX "sessions_open" ON "auth"."sessions" ("user_id", "created_at", "id") WHERE "revoked_at" IS NULL;

CREATE INDEX "users_disabled" ON "auth"."users" ("id") WHERE "disabled_at" IS NOT NULL;
