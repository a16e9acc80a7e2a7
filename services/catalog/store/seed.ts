import { v7 as uuidv7 } from 'uuid';
import { amountOf } from '#kit/money/money.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { NewProduct } from '../domain/products.ts';
import { exampleProducts } from './example-products.ts';
import { insertProducts } from './products.ts';

/**
 * Adds the example products to a catalog without products. Replicas that start at the same time add each once.
 * @returns the number of added products
 */
export async function seedShop(db: Transactional): Promise<number> {
  const [some] = await db.$queryRaw<unknown[]>`SELECT id FROM catalog.products LIMIT 1`;
  if (some !== undefined) return 0;
  return (await insertProducts(db, seeds())).length;
}

function seeds(): NewProduct[] {
  return exampleProducts.map(([sku, name, category, price, stock, description]) => {
    const imageUrl = `https://images.example.com/${sku.toLowerCase()}.jpg`;
    return {
      id: uuidv7(),
      sku,
      name,
      description,
      category,
      price: amountOf(price, 'EUR'),
      stock,
      imageUrl,
      active: true,
    };
  });
}
