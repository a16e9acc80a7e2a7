-- AlterTable
ALTER TABLE "auth"."attempts" ADD COLUMN     "also_used" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "auth"."sessions" ADD COLUMN     "refreshed_by" TEXT,
ADD COLUMN     "refreshed_from" TEXT,
ADD COLUMN     "replayed_at" TIMESTAMPTZ(3),
ADD COLUMN     "replayed_from" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "auth"."users" ADD COLUMN     "password_at" TIMESTAMPTZ(3),
ADD COLUMN     "password_from" TEXT NOT NULL DEFAULT '';
