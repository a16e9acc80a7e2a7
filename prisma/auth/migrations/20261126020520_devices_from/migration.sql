-- AlterTable
ALTER TABLE "auth"."users" ADD COLUMN     "devices_from" TIMESTAMPTZ(3);
