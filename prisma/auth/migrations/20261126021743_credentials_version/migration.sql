-- AlterTable
ALTER TABLE "auth"."users" ADD COLUMN     "credentials_version" INTEGER NOT NULL DEFAULT 0;
