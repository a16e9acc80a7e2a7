import { hash } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { openSystem, type System } from '../system.ts';

let system: System;
/** A second auth service on the same database. */
let replica: System;
let db: Client;
beforeAll(async () => {
  const shared = { SIGNET_MASTER_KEY: randomBytes(32).toString('base64') };
  system = await openSystem({ hashing: 'real', env: shared });
  replica = await openSystem({ hashing: 'real', env: { ...shared, DATABASE_URL: system.database.url.reveal() } });
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await replica.close();
  await system.close();
});

test('a password with a weak hash signs in at two replicas at once, and one of them replaces the hash', async () => {
  const { id, email, password } = await system.person();
  const weak = await hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 });
  for (let round = 0; round < 10; round++) {
    await db.query('UPDATE auth.users SET password_hash = $1 WHERE id = $2', [weak, id]);
    const answers = await Promise.all(
      [system, replica].map((one) => one.rest('POST', '/auth/login', { body: { email, password } })),
    );
    for (const { json } of answers) {
      if (json.access_token) [json.access_token, json.refresh_token].forEach(system.secret);
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const { rows } = await db.query('SELECT password_hash, credentials_version FROM auth.users WHERE id = $1', [id]);
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    // The version increases once, for the UPDATE above (any new hash), and not for a rehash of the same password.
    expect(rows[0].credentials_version).toBe(round + 1);
  }
});
