-- DropIndex
DROP INDEX "notification"."notifications_event_id_kind_key";

-- CreateIndex
CREATE UNIQUE INDEX "notifications_event_id_kind_user_id_key" ON "notification"."notifications"("event_id", "kind", "user_id");
