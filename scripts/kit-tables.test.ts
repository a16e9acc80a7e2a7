import { expect, test } from 'vitest';
import { withKitTables } from './kit-tables.ts';

const own = '-- CreateTable\nCREATE TABLE "parcel"."parcels" (\n    "id" UUID NOT NULL\n);';
const index = '-- CreateIndex\nCREATE INDEX "parcels_id_idx" ON "parcel"."parcels"("id");';

test('the tables of the kit get its own SQL, once, after those of the service', () => {
  const sql = withKitTables(
    [
      '-- CreateTable\nCREATE TABLE "parcel"."owners" (\n    "user_id" UUID NOT NULL\n);',
      own,
      '-- CreateTable\nCREATE TABLE "parcel"."events" (\n    "n" BIGSERIAL NOT NULL\n);',
      '-- CreateTable\nCREATE TABLE "parcel"."event_head" (\n    "one" BOOLEAN NOT NULL\n);',
      index,
      '-- CreateIndex\nCREATE UNIQUE INDEX "events_position_key" ON "parcel"."events"("position");',
    ].join('\n\n'),
    'parcel',
  );
  expect(sql.startsWith(`${own}\n\n${index}\n\n`)).toBe(true);
  expect(sql.match(/CREATE TABLE "parcel"\."(\w+)"/g)).toEqual(
    ['parcels', 'owners', 'events', 'event_head'].map((name) => `CREATE TABLE "parcel"."${name}"`),
  );
  for (const part of ['owners_unconfirmed', 'events_unnumbered', 'INSERT INTO "parcel"."event_head"']) {
    expect(sql.split(part)).toHaveLength(2);
  }
  expect(sql).not.toContain('BIGSERIAL');
});

test('statements of the service that name a kit table stay', () => {
  const reference =
    '-- AddForeignKey\nALTER TABLE "parcel"."parcels" ADD CONSTRAINT "owner" FOREIGN KEY ("id") REFERENCES "parcel"."owners"("user_id");';
  const extra = '-- CreateIndex\nCREATE INDEX "owners_extra" ON "parcel"."owners"("erased_at");';
  const table = '-- CreateTable\nCREATE TABLE "parcel"."owners" (\n    "user_id" UUID NOT NULL\n);';
  const sql = withKitTables([table, reference, extra].join('\n\n'), 'parcel');
  expect(sql).toContain(reference);
  expect(sql).toContain(extra);
});

test('a migration without them stays as it is, also one that changes such a table', () => {
  const change = '-- AlterTable\nALTER TABLE "parcel"."events" ADD COLUMN "note" TEXT;';
  const sql = [own, change, index].join('\n\n');
  expect(withKitTables(sql, 'parcel')).toBe(sql);
});
