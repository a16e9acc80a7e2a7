import { expect, test } from 'vitest';
import { blockingIndexes, splitIndexes } from './migration-indexes.ts';

const table = '-- CreateTable\nCREATE TABLE "shop"."new" (\n    "id" UUID NOT NULL\n);';
const column = '-- AlterTable\nALTER TABLE "shop"."old" ADD COLUMN "at" INT;';
const onNew = '-- CreateIndex\nCREATE INDEX "new_id_idx" ON "shop"."new"("id");';
const onOld = '-- CreateIndex\nCREATE UNIQUE INDEX "old_at_key" ON "shop"."old"("at");';

test('an index on a table of an earlier migration is made concurrently, in a migration of its own', () => {
  expect(splitIndexes([table, column, onNew, onOld].join('\n\n'))).toEqual({
    rest: [table, column, onNew].join('\n\n'),
    indexes: [
      {
        name: 'old_at_key',
        sql: '-- CreateIndex\nCREATE UNIQUE INDEX CONCURRENTLY "old_at_key" ON "shop"."old"("at");',
      },
    ],
  });
  expect(splitIndexes(onOld).rest).toBe('');
});

test.each([
  [onOld, ['the index old_at_key on old']],
  ['CREATE INDEX ON shop.old (at)', ['the index without a name on old']],
  [`${table}\n\n${onNew}`, []],
  ['CREATE INDEX CONCURRENTLY "old_at_idx" ON "shop"."old"("at");', []],
  ['-- CREATE INDEX "old_at_idx" ON "shop"."old"', []],
])('lists the indexes for which writes would wait: %#', (sql, listed) => {
  expect(blockingIndexes('20261127000000_index', sql)).toEqual(listed);
  expect(blockingIndexes('20261126190100_before', sql)).toEqual([]);
});
