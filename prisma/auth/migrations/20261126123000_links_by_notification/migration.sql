-- A link is requested first; its token is issued when the link is sent.
ALTER TABLE "auth"."links"
  ADD COLUMN "id" UUID NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN "requested_from" TEXT NOT NULL DEFAULT '',
  DROP CONSTRAINT "links_pkey",
  ALTER COLUMN "hash" DROP NOT NULL,
  ADD CONSTRAINT "links_pkey" PRIMARY KEY ("id");

CREATE UNIQUE INDEX "links_hash_key" ON "auth"."links"("hash");
