import { create, toBinary } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PageTokenSchema } from '#gen/proto/signet/type/v1/page_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { type FreshDatabase, emptyDatabase } from '#kit/testing/postgres.ts';
import { type PageQuery, readPage } from './page.ts';

let fresh: FreshDatabase;
let client: Client;
beforeAll(async () => {
  fresh = await emptyDatabase();
  client = new Client(connection(fresh.url));
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await fresh.drop();
});

/** Numbers from 1 to 9, after the given one. */
async function read({ take, after }: PageQuery): Promise<{ n: number }[]> {
  const sql = 'SELECT n FROM generate_series(1, 9) n WHERE n > $1::int ORDER BY n LIMIT $2';
  return (await client.query<{ n: number }>(sql, [after?.[0] ?? 0, take])).rows;
}
const page = (pageToken: string, list = 'numbers', pageSize = 4) =>
  readPage({ pageSize, pageToken }, [list], read, ({ n }) => [String(n)]);

/** A forged token: tokens contain no secret. */
function made(after: string[], list = 'numbers'): string {
  const filter = new Uint8Array(
    createHash('sha256')
      .update(JSON.stringify([list]))
      .digest(),
  );
  return Buffer.from(toBinary(PageTokenSchema, create(PageTokenSchema, { after, filter }))).toString('base64url');
}

const reasonFor = (pageToken: string) => page(pageToken).then(() => 'read', reasonOf);

test('reads a list in pages; the last one has no next_page_token', async () => {
  const seen: number[][] = [];
  let token = '';
  do {
    const { items, nextPageToken } = await page(token);
    seen.push(items.map(({ n }) => n));
    token = nextPageToken;
  } while (token !== '');
  expect(seen).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]]);
});

test('refuses a token of another list, an invalid token, and a token with an invalid sort key', async () => {
  expect(await reasonFor(made(['4'], 'letters'))).toBe('INVALID_ARGUMENT');
  expect(await reasonFor('not a token')).toBe('INVALID_ARGUMENT');
  expect(await reasonFor(made([]))).toBe('INVALID_ARGUMENT');
  expect(await reasonFor(made(['4']))).toBe('read');
  for (const value of ['four', '99999999999', '\0', '']) {
    expect(await reasonFor(made([value])), value).toBe('INVALID_ARGUMENT');
  }
});

test('does not report other errors of a list as an invalid token', async () => {
  const broken = readPage(
    { pageSize: 1, pageToken: '' },
    ['numbers'],
    () => read({ take: -1, after: ['1'] }),
    String as never,
  );
  await expect(broken).rejects.toThrow('LIMIT must not be negative');
});
