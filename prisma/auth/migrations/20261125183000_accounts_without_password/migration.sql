-- AlterTable
ALTER TABLE "auth"."users" ALTER COLUMN "password_hash" DROP NOT NULL;
