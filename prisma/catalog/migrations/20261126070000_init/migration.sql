-- CreateTable
CREATE TABLE "catalog"."products" (
    "id" UUID NOT NULL,
    "sku" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "category" TEXT NOT NULL DEFAULT '',
    "currency" TEXT NOT NULL,
    "price" DECIMAL(22,9) NOT NULL,
    "stock" INTEGER NOT NULL,
    "image_url" TEXT NOT NULL DEFAULT '',
    "active" BOOLEAN NOT NULL DEFAULT true,
    "search" tsvector NOT NULL,
    "sort_name" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "products_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "catalog"."reservations" (
    "order_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reservations_pkey" PRIMARY KEY ("order_id")
);

-- CreateTable
CREATE TABLE "catalog"."reservation_lines" (
    "order_id" UUID NOT NULL,
    "product_id" UUID NOT NULL,
    "quantity" INTEGER NOT NULL,

    CONSTRAINT "reservation_lines_pkey" PRIMARY KEY ("order_id","product_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "products_sku_key" ON "catalog"."products"("sku");

-- CreateIndex
CREATE INDEX "products_category_id_idx" ON "catalog"."products"("category", "id");

-- CreateIndex
CREATE INDEX "products_currency_price_id_idx" ON "catalog"."products"("currency", "price", "id");

-- CreateIndex
CREATE INDEX "products_sort_name_id_idx" ON "catalog"."products"("sort_name", "id");

-- CreateIndex
CREATE INDEX "products_search_idx" ON "catalog"."products" USING GIN ("search");

-- AddForeignKey
ALTER TABLE "catalog"."reservation_lines" ADD CONSTRAINT "reservation_lines_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "catalog"."reservations"("order_id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- The stock is never below 0, whatever a statement computes.
ALTER TABLE "catalog"."products" ADD CONSTRAINT "products_stock" CHECK ("stock" >= 0);

-- Finds the reservations that lapse, however many there have been.
CREATE INDEX "reservations_held" ON "catalog"."reservations" ("expires_at", "order_id") WHERE "state" = 'reserved';
