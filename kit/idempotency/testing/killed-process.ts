// node kit/idempotency/testing/killed-process.ts: runs a request of USER_ID with the key "k", inserts its resource into
// the table shop.made, prints the resource's id, and never answers.
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { createIdempotency } from '../idempotency.ts';
import { contextOf, method, requestOf } from './rig.ts';

const { DATABASE_URL: url = '', USER_ID: userId = '', LEASE: lease = '' } = process.env;
const database = openDatabase({ url: new Secret(url), applicationName: 'keys-killed', log: silentLog });
const keys = createIdempotency({
  db: database.statements,
  schema: 'shop',
  lease: Number(lease),
});
await keys.once(method, requestOf('order'), contextOf(userId, 'k'), async (id) => {
  await database.pool.query('INSERT INTO shop.made (id) VALUES ($1)', [id]);
  process.stdout.write(`${id}\n`);
  return new Promise(() => undefined);
});
