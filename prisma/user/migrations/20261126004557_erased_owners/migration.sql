-- CreateTable
CREATE TABLE "user"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);
