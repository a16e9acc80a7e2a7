import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { OrderFilter } from '../domain/orders.ts';
import { createOrderStore } from './orders.ts';
import { openStores } from './testing/rig.ts';

const customer = uuidv7();

let stores: Awaited<ReturnType<typeof openStores>>;
beforeAll(async () => {
  stores = await openStores();
  // 100,000 orders of 1,000 customers, one in a hundred of them confirmed and few pending, as in a shop.
  await stores.pool.query(
    `INSERT INTO "order".orders (id, user_id, state, lines, currency_code, total, address, deadline, created_at)
     SELECT gen_random_uuid(), CASE WHEN n % 1000 = 0 THEN $1::uuid ELSE md5((n % 1000)::text)::uuid END,
       CASE WHEN n % 10000 = 0 THEN 'pending' WHEN n % 100 = 0 THEN 'confirmed' ELSE 'delivered' END,
       '[]', 'EUR', 1, '{}', now(), now() - n * interval '1 minute'
     FROM generate_series(1, 100000) AS n`,
    [customer],
  );
  await stores.pool.query('ANALYZE "order".orders');
});
afterAll(() => stores.close());

const filters: readonly OrderFilter[] = [
  {},
  { state: 'pending' },
  { state: 'delivered' },
  { userId: customer },
  { userId: customer, state: 'confirmed' },
];

/** A client that explains the statements of a store instead of running them. */
function explaining(plans: string[]): Transactional {
  const explain = async (text: TemplateStringsArray, ...values: unknown[]) => {
    const lines = await stores.db.$queryRaw<Record<string, string>[]>`EXPLAIN ${sql(text, ...values)}`;
    plans.push(lines.flatMap((line) => Object.values(line)).join('\n'));
    return [];
  };
  return { $queryRaw: explain } as unknown as Transactional;
}

test.each(filters)('the list %o of 100,000 orders reads an index, and sorts nothing', async (filter) => {
  const plans: string[] = [];
  const store = createOrderStore({
    db: explaining(plans),
    events: {},
    schedule: async () => undefined,
    deadline: 0,
  });
  await store.page(filter, { take: 21, after: undefined });
  await store.page(filter, { take: 21, after: [new Date().toISOString(), uuidv7()] });
  expect(plans).toHaveLength(2);
  for (const plan of plans) {
    expect(plan).toMatch(/Index Scan/);
    expect(plan).not.toMatch(/Seq Scan|Sort/);
  }
});
