-- CreateTable
CREATE TABLE "cart"."owners" (
    "user_id" UUID NOT NULL,
    "erased_at" TIMESTAMPTZ(3),
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "owners_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "cart"."carts" (
    "user_id" UUID NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "carts_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "cart"."lines" (
    "user_id" UUID NOT NULL,
    "product_id" UUID NOT NULL,
    "quantity" INTEGER NOT NULL,
    "currency" TEXT NOT NULL,
    "price" DECIMAL(22,9) NOT NULL,
    "n" BIGSERIAL NOT NULL,

    CONSTRAINT "lines_pkey" PRIMARY KEY ("user_id","product_id")
);

-- CreateTable
CREATE TABLE "cart"."cleared_orders" (
    "order_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "cleared_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "cleared_orders_pkey" PRIMARY KEY ("order_id")
);

-- CreateTable
CREATE TABLE "cart"."event_cursors" (
    "source" TEXT NOT NULL,
    "history" UUID,
    "position" BIGINT NOT NULL DEFAULT 0,
    "last_id" UUID,

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("source")
);

-- CreateIndex
CREATE INDEX "cleared_orders_user_id_idx" ON "cart"."cleared_orders"("user_id");

-- AddForeignKey
ALTER TABLE "cart"."lines" ADD CONSTRAINT "lines_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "cart"."carts"("user_id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- Finds the erasures to confirm (kit/events/tables.ts).
CREATE INDEX "owners_unconfirmed" ON "cart"."owners" ("erased_at") WHERE "erased_at" IS NOT NULL AND "confirmed_at" IS NULL;

-- What the rules allow.
ALTER TABLE "cart"."lines" ADD CONSTRAINT "lines_quantity" CHECK ("quantity" BETWEEN 1 AND 99);
