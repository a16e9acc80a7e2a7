import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';

const docs = path.join(import.meta.dirname, '../../docs');

test('the docs list exactly the triggers of the schema', async () => {
  const database = await freshDatabase();
  const db = new Client(connection(database.url));
  await db.connect();
  const { rows } = await db.query<{ name: string; revokes: boolean }>(`
    SELECT DISTINCT t.tgname AS name, pg_get_functiondef(t.tgfoid) LIKE '%auth.revoke(%' AS revokes
    FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid::regclass::text LIKE 'auth.%'`);
  await db.end();
  await database.drop();
  const named = async (file: string, heading: string) => {
    const text = await readFile(path.join(docs, file), 'utf8');
    const [, section = ''] = text.split(`\n## ${heading}\n`);
    const words = [...(section.split('\n## ')[0] ?? '').matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, word = '']) => word);
    return [...new Set(words)].filter((word) => word !== 'signet_keys').toSorted();
  };
  const all = rows.map(({ name }) => name).toSorted();
  expect(all.length).toBeGreaterThan(0);
  expect(await named('architecture.md', 'What triggers write, and what code writes')).toEqual(all);
  const revoking = rows.filter(({ revokes }) => revokes).map(({ name }) => name);
  expect(await named('revocation.md', 'What ends tokens')).toEqual(revoking.toSorted());
});
