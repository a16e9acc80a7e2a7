import * as bcrypt from '@node-rs/bcrypt';
import * as argon2 from '@node-rs/argon2';
import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { type Answer, openSystem, type System } from '../system.ts';

let system: System;
let db: Client;
beforeAll(async () => {
  system = await openSystem({
    hashing: 'real',
    env: {
      SIGNET_ARGON2_PASSES: '3',
      SIGNET_LOGIN_LIMIT: '1000',
      SIGNET_LOGIN_LIMIT_ADDRESS: '10000',
    },
  });
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

const login = (email: string, password: string) => system.rest('POST', '/auth/login', { body: { email, password } });
const register = (email: string, password: string, name = 'Ada') =>
  system.rest('POST', '/auth/register', { body: { email, password, name } });
const hashOf = async (id: string) =>
  (await db.query<{ hash: string }>('SELECT password_hash AS hash FROM auth.users WHERE id = $1', [id])).rows[0]
    ?.hash ?? '';
const setHash = (id: string, hash: string) =>
  db.query('UPDATE auth.users SET password_hash = $1 WHERE id = $2', [hash, id]);
let count = 0;
const address = () => `someone${count++}@example.com`;

/** A password reset link, stored as if its mail had been sent. */
async function resetLink(userId: string): Promise<string> {
  const token = `token of ${count++}`;
  await db.query(
    `INSERT INTO auth.links (hash, purpose, user_id, email, expires_at)
     SELECT $1, 'password_reset', id, email, now() + interval '30 minutes' FROM auth.users WHERE id = $2`,
    [createHash('sha256').update(token).digest(), userId],
  );
  return token;
}

describe('an imported hash', () => {
  const password = 'correct horse battery';

  test.each(['2a', '2b', '2y'])(
    'of bcrypt ($%s$) signs in once and is then replaced with Argon2id',
    async (version) => {
      const { id, email } = await system.person();
      const [, , rounds, rest] = (await bcrypt.hash(password, { cost: 5 })).split('$');
      const old = `$${version}$${rounds}$${rest}`;
      await setHash(id, old);
      expect((await login(email, `${password}!`)).json.code).toBe('INVALID_CREDENTIALS');
      expect(await hashOf(id), 'a wrong password does not replace the hash').toBe(old);
      expect((await login(email, password)).status).toBe(200);
      expect(await hashOf(id)).toMatch(/^\$argon2id\$v=19\$m=19456,t=3,p=1\$/);
      expect((await login(email, password)).status).toBe(200);
      expect((await login(email, `${password}!`)).status).toBe(401);
    },
  );

  test.each([
    ['more than 72 bytes, where bcrypt ignores the rest', `${'p'.repeat(72)}tail`, `${'p'.repeat(72)}other`],
    ['25 characters of three bytes', '\u20ac'.repeat(25), `${'\u20ac'.repeat(24)}x`],
    ['a NUL, after which bcrypt ignores the rest', 'correct horse\0battery', 'correct horse\0staple'],
  ])('of bcrypt matches no password of %s (Okta 2024)', async (_, password72, other) => {
    const { id, email } = await system.person();
    // As a truncating library hashes it.
    const cut = Buffer.from(password72.split('\0')[0] ?? '').subarray(0, 72);
    const old = await bcrypt.hash(cut, { cost: 5 });
    await setHash(id, old);
    for (const tried of [other, password72]) expect((await login(email, tried)).json.code).toBe('INVALID_CREDENTIALS');
    expect(await hashOf(id), 'a truncated match must not replace the hash').toBe(old);
    expect((await login(email, cut.toString())).status, 'the truncated password').toBe(200);
  });

  test.each([
    ['fewer passes', { memoryCost: 19_456, timeCost: 2 }],
    ['less memory', { memoryCost: 8_192, timeCost: 3 }],
  ])('of Argon2id with %s is replaced at a sign-in', async (_, weaker) => {
    const { id, email } = await system.person();
    await setHash(id, await argon2.hash(password, { parallelism: 1, ...weaker }));
    expect((await login(email, password)).status).toBe(200);
    expect(await hashOf(id)).toContain('m=19456,t=3,p=1');
  });

  test('that is stronger than the configured cost is kept', async () => {
    const { id, email } = await system.person();
    const strong = await argon2.hash(password, { parallelism: 1, memoryCost: 20_000, timeCost: 4 });
    await setHash(id, strong);
    expect((await login(email, password)).status).toBe(200);
    expect(await hashOf(id)).toBe(strong);
  });

  test.each(['', 'plain text', '$2b$05$short', '$1$md5$abc', '$argon2id$v=19$m=19456', '$2x$05$' + 'a'.repeat(53)])(
    'in an unknown format refuses every password without an internal error: %j',
    async (broken) => {
      const { id, email, password: own } = await system.person();
      await setHash(id, broken);
      for (const one of [own, broken || 'x']) expect((await login(email, one)).json.code).toBe('INVALID_CREDENTIALS');
    },
  );
});

/** Every way to set a password. Each returns the response. */
const ways: Record<string, (next: string) => Promise<Answer & { email: string }>> = {
  register: async (next) => {
    const email = address();
    return { ...(await register(email, next)), email };
  },
  change: async (next) => {
    const { access: token, password, email } = await system.person();
    const body = { current_password: password, new_password: next };
    return { ...(await system.rest('POST', '/auth/password', { token, body })), email };
  },
  reset: async (next) => {
    const { id, email } = await system.person();
    const body = { token: await resetLink(id), new_password: next };
    return { ...(await system.rest('POST', '/auth/password/reset', { body })), email };
  },
};

describe.each(Object.entries(ways))('%s', (name, set) => {
  const field = name === 'register' ? 'password' : 'new_password';
  const refused = async (password: string) => {
    const { status, json } = await set(password);
    return [status, json.code, json.errors?.[0].field, json.errors?.[0].description];
  };

  test.each([
    ['256 letters', 'aB3 '.repeat(64)],
    ['256 characters of four bytes each', '😀'.repeat(256)],
    ['8 characters of four bytes each', '😀🎈🌍🍉🚲🎹🧭🪐'],
    ['surrounding spaces', '   eight   '],
  ])('accepts %s and signs in with it', async (_, password) => {
    const { status, email, text } = await set(password);
    expect([200, 201], text).toContain(status);
    expect((await login(email, password)).status).toBe(200);
  });

  test('refuses a password that is too long, too short, common, the email or the name, with the reason', async () => {
    const reason = (description: string) => [400, 'PASSWORD_REJECTED', field, description];
    expect(await refused('😀'.repeat(257))).toEqual(reason('must have at most 256 characters'));
    expect(await refused('x'.repeat(257))).toEqual(reason('must have at most 256 characters'));
    expect(await refused('1234567')).toEqual(reason('must have at least 8 characters'));
    expect(await refused('P\u0041ssword1')).toEqual(reason('is a common password'));
    expect(await refused('ｐａｓｓｗｏｒｄ１')).toEqual(reason('is a common password'));
  });

  test('treats the Unicode normal forms of a password as equal', async () => {
    const { email } = await set('Zo\u00eb \ufb01nds \u2460 caf\u00e9');
    for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'])
      expect((await login(email, 'Zo\u00eb \ufb01nds \u2460 caf\u00e9'.normalize(form))).status, form).toBe(200);
  });
});

test.each(['ada.lovelace.of.london@example.com', 'Ada.Lovelace.of.London', 'The Countess'])(
  'the email, its local part and the name are refused as passwords: %s',
  async (password) => {
    const { json } = await register('ada.lovelace.of.london@example.com', password, 'the countess');
    expect(json.code).toBe('PASSWORD_REJECTED');
    expect(json.errors[0].description).toMatch(/must not be your (email|name)/);
  },
);
