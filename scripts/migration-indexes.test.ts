import { expect, test } from 'vitest';
import { blockingIndexes, partitionedTables, splitIndexes } from './migration-indexes.ts';

const table = '-- CreateTable\nCREATE TABLE "shop"."new" (\n    "id" UUID NOT NULL\n);';
const column = '-- AlterTable\nALTER TABLE "shop"."old" ADD COLUMN "at" INT;';
const onNew = '-- CreateIndex\nCREATE INDEX "new_id_idx" ON "shop"."new"("id");';
const onOld = '-- CreateIndex\nCREATE UNIQUE INDEX "old_at_key" ON "shop"."old"("at");';

test('an index on a table of an earlier migration is made concurrently, in a separate migration', () => {
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

const old = 'the index old_at on old lacks CONCURRENTLY, in a separate migration';
const key = (kind: string) =>
  `${kind} on old lacks USING INDEX, of an index that is made concurrently in a migration before`;

test.each([
  [onOld, ['the index old_at_key on old lacks CONCURRENTLY, in a separate migration']],
  ['CREATE INDEX ON shop.old (at)', ['the index without a name on old lacks CONCURRENTLY, in a separate migration']],
  ['CREATE INDEX old_at ON shop.old (at)', [old]],
  ['create unique index old_at on old (at)', [old]],
  ['CREATE INDEX IF NOT EXISTS "old_at" ON "shop"."old" ("at")', [old]],
  ['CREATE INDEX old_at\n  ON ONLY shop.old (at)', [old]],
  ['ALTER TABLE "shop"."old" ADD CONSTRAINT "old_key" UNIQUE ("at")', [key('UNIQUE')]],
  ['alter table only old add primary key (id)', [key('primary key')]],
  ['ALTER TABLE old DROP CONSTRAINT a, ADD COLUMN b INT UNIQUE', [key('UNIQUE')]],
  ['ALTER TABLE old ADD CONSTRAINT old_key UNIQUE USING INDEX old_at', []],
  ['ALTER TABLE old ADD COLUMN "unique" INT; ALTER TABLE "old" DROP COLUMN "at"', []],
  [`${table}\n\n${onNew}`, []],
  [`CREATE TABLE IF NOT EXISTS new (id int);\nALTER TABLE new ADD PRIMARY KEY (id);`, []],
  ['CREATE INDEX CONCURRENTLY "old_at_idx" ON "shop"."old"("at");', []],
  ['create index concurrently old_at on old (at)', []],
  ['-- CREATE INDEX "old_at_idx" ON "shop"."old"', []],
])('lists the indexes for which writes would wait: %#', (sql, listed) => {
  expect(blockingIndexes('20261127000000_index', sql)).toEqual(listed);
  expect(blockingIndexes('20261126190100_before', sql)).toEqual([]);
});

test('an index or key of a partitioned table is not listed: PostgreSQL makes none concurrently', () => {
  const partitioned = partitionedTables(
    `${table}\ncreate table shop.parts (id int, at int)\n  partition by list (at);\nCREATE TABLE one PARTITION OF shop.parts DEFAULT;`,
  );
  expect(partitioned).toEqual(['parts']);
  const sql = 'CREATE INDEX parts_id ON shop.parts (id); ALTER TABLE shop.parts ADD UNIQUE (id, at);';
  expect(blockingIndexes('20261127000000_index', sql)).toHaveLength(2);
  expect(blockingIndexes('20261127000000_index', sql, new Set(partitioned))).toEqual([]);
});
