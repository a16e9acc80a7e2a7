import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { calculateJwkThumbprint, decodeJwt, exportJWK, exportPKCS8, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '#kit/config/config.ts';
import { connection, openDatabase } from '#kit/db/database.ts';
import { createLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type Auth, buildAuth } from '../../services/auth/build.ts';
import { keys } from '../../services/auth/config.ts';
import { createMasterKey } from '../../services/auth/secrets/rules/master-key.ts';
import { contextOf } from '../../services/auth/keys/rules/signing-key.ts';
import { openDoor } from '#kit/door/door.ts';
import { ask } from '../system.ts';

let database: FreshDatabase;
let db: Client;
const closers: (() => unknown)[] = [];
const lines: string[] = [];
const log = createLog({ level: 'trace', format: 'json', destination: { write: (line) => void lines.push(line) } });
beforeEach(async () => {
  database = await freshDatabase();
  db = new Client(connection(database.url));
  await db.connect();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await db.end();
  await database.drop();
});

const newKey = () => randomBytes(32).toString('base64');

/** An auth replica with its HTTP port. */
async function start(masterKey: string, more: Record<string, string> = {}): Promise<Auth & { url: string }> {
  const config = readConfig(keys, { DATABASE_URL: database.url.reveal(), SIGNET_MASTER_KEY: masterKey, ...more });
  const pool = openDatabase({ url: database.url, applicationName: 'auth', log, metrics: noMetrics });
  closers.push(() => pool.close());
  const auth = await buildAuth({ config, database: pool, log, metrics: noMetrics });
  closers.push(() => auth.close());
  const door = await openDoor({ app: auth.app, ready: auth.ready, log, port: 0, host: '127.0.0.1' });
  closers.push(() => door.close());
  return { ...auth, url: `http://127.0.0.1:${door.port}/api/v1/auth` };
}

const person = { email: 'ada@example.com', password: 'correct horse battery' };
async function signUp(url: string) {
  await ask(`${url}/register`, 'POST', { body: { ...person, name: 'Ada' } });
  return (await ask(`${url}/login`, 'POST', { body: person })).json as Record<string, string>;
}

test('the database does not contain readable private keys', async () => {
  await start(newKey());
  const { rows } = await db.query<{ kid: string; sealed: Buffer; jwk: JWK }>(
    'SELECT kid, sealed_private AS sealed, public_jwk AS jwk FROM auth.signing_keys',
  );
  const [{ sealed, jwk }] = rows as [(typeof rows)[0]];
  expect(Object.keys(jwk).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
  expect(sealed.toString('latin1')).not.toContain('PRIVATE KEY');
  // Every encoding of the private key contains the modulus.
  expect(sealed.includes(Buffer.from(jwk.n ?? '', 'base64url'))).toBe(false);
  const secrets = await db.query<{ name: string; sealed: Buffer }>('SELECT name, sealed FROM auth.secrets');
  expect(secrets.rows.map(({ name }) => name).toSorted()).toEqual(['mac-csrf', 'mac-device', 'mac-refresh']);
  for (const { sealed: kept } of secrets.rows) expect(kept.length).toBe(1 + 60 + 60);
});

test('a start under another master key fails and prints neither key', async () => {
  const [first, other] = [newKey(), newKey()];
  await start(first);
  const failed = start(other).then(
    () => 'started',
    (error: Error) => error.message,
  );
  expect(await failed).toMatch(/was sealed under another SIGNET_MASTER_KEY than the one given/);
  for (const key of [first, other]) expect(`${await failed}${lines.join('')}`).not.toContain(key);
  await expect(start(other, { SIGNET_MASTER_KEY_PREVIOUS: newKey() })).rejects.toThrow('another SIGNET_MASTER_KEY');
  // The failed starts changed nothing.
  await start(first);
});

test('ten replicas that rotate the master key at once keep keys, sessions and CSRF tokens', async () => {
  const [previous, current] = [newKey(), newKey()];
  const before = await start(previous);
  const tokens = await signUp(before.url);
  const jwks = await ask(before.url.replace('/api/v1/auth', '/.well-known/jwks.json'), 'GET');
  const replicas = await Promise.all(
    Array.from({ length: 10 }, () => start(current, { SIGNET_MASTER_KEY_PREVIOUS: previous })),
  );
  const [{ url }] = replicas as [(typeof replicas)[0], ...typeof replicas];
  expect((await ask(url.replace('/api/v1/auth', '/.well-known/jwks.json'), 'GET')).json).toEqual(jwks.json);
  const headers = { 'x-csrf-token': tokens['csrf_token'] ?? '' };
  const verified = await ask(`${url}/verify`, 'GET', { token: tokens['access_token'], headers });
  expect(verified.json).toMatchObject({ valid: true, csrf_valid: true });
  const refreshed = await Promise.all(
    replicas.map((one) => ask(`${one.url}/refresh`, 'POST', { body: { refresh_token: tokens['refresh_token'] } })),
  );
  expect(refreshed.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(new Set(refreshed.map(({ json }) => json.refresh_token)).size).toBe(1);
  const { rows } = await db.query(`SELECT details FROM auth.audit_events WHERE kind = 'master_key_changed'`);
  expect(rows, 'one replica rotated it').toEqual([{ details: { rewrapped: 4 } }]);
  // The earlier replica continues with the keys in memory, but could not restart.
  const { status } = await ask(`${before.url}/refresh`, 'POST', {
    body: { refresh_token: refreshed[0]?.json.refresh_token },
  });
  expect(status).toBe(200);
  await expect(start(previous)).rejects.toThrow('another SIGNET_MASTER_KEY');
});

const weak: Record<string, () => Promise<{ alg: string; jwk: JWK; pem: string }>> = {
  'RSA of 1024 bits': async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }), pem };
  },
  'RSA with the exponent 3': async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }), pem };
  },
  'P-384 for ES256': async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES384', { extractable: true });
    return { alg: 'ES256', jwk: await exportJWK(publicKey), pem: await exportPKCS8(privateKey) };
  },
  'P-256 that says P-384': async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    return { alg: 'ES256', jwk: { ...(await exportJWK(publicKey)), crv: 'P-384' }, pem: await exportPKCS8(privateKey) };
  },
};

test.each(Object.entries(weak))('a start refuses a weak or mismatched signing key: %s', async (_, make) => {
  const masterKey = newKey();
  await start(masterKey);
  const { alg, jwk, pem } = await make();
  const kid = await calculateJwkThumbprint(jwk).catch(() => 'weak');
  const sealed = createMasterKey(new Secret(Buffer.from(masterKey, 'base64'))).seal(Buffer.from(pem), contextOf(kid));
  await db.query(`UPDATE auth.signing_keys SET state = 'retired', retired_at = now() WHERE state = 'active'`);
  await db.query(
    `INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private, activated_at)
     VALUES ($1, $2, 'active', $3, $4, now())`,
    [kid, alg, JSON.stringify({ ...jwk, kid, alg, use: 'sig' }), sealed],
  );
  await expect(start(masterKey, { SIGNET_ALG: alg })).rejects.toThrow(
    `signing key ${kid} is weak, not a pair, or does not match ${alg}`,
  );
});

test('a start refuses a signing key whose private and public parts do not match', async () => {
  const masterKey = newKey();
  await start(masterKey, { SIGNET_ALG: 'ES256' });
  const { rows } = await db.query<{ kid: string }>(`SELECT kid FROM auth.signing_keys WHERE state = 'active'`);
  const kid = rows[0]?.kid ?? '';
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  await db.query('UPDATE auth.signing_keys SET public_jwk = $1 WHERE kid = $2', [JSON.stringify(jwk), kid]);
  await expect(start(masterKey, { SIGNET_ALG: 'ES256' })).rejects.toThrow(`signing key ${kid} is weak, not a pair`);
});

describe('the auth service does not publish a public key planted in the database and refuses its tokens', () => {
  const plants: Record<
    string,
    (given: { kid: string; pem: string; existing: Buffer; masterKey: string }) => Uint8Array
  > = {
    'without a private part': () => Buffer.alloc(0),
    'sealed under another master key': ({ kid, pem }) => sealedBy(newKey(), pem, contextOf(kid)),
    'with the sealed part of an existing key': ({ existing }) => existing,
    'with the private part of another key': ({ kid, masterKey }) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      return sealedBy(masterKey, pem, contextOf(kid));
    },
  };
  const sealedBy = (masterKey: string, pem: string, context: string) =>
    createMasterKey(new Secret(Buffer.from(masterKey, 'base64'))).seal(Buffer.from(pem), context);

  test.each(Object.entries(plants))('%s', async (_, seal) => {
    lines.length = 0;
    const masterKey = newKey();
    const { url } = await start(masterKey, { SIGNET_ALG: 'ES256' });
    const { access_token: good = '' } = await signUp(url);
    const { rows } = await db.query<{ kid: string; sealed: Buffer }>(
      `SELECT kid, sealed_private AS sealed FROM auth.signing_keys WHERE state = 'active'`,
    );
    const [active] = rows;
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const bare = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(bare);
    const planted = { kid, pem: await exportPKCS8(privateKey), existing: active?.sealed ?? Buffer.alloc(0), masterKey };
    await db.query(
      `INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private, retired_at)
       VALUES ($1, 'ES256', 'retired', $2, $3, now())`,
      [kid, JSON.stringify({ ...bare, kid, alg: 'ES256', use: 'sig' }), seal(planted)],
    );
    await db.query(`SELECT pg_notify('signet_keys', '')`);
    await expect.poll(() => lines.join('')).toContain('a stored key is not published');
    const again = await start(masterKey, { SIGNET_ALG: 'ES256' });
    const forged = await new SignJWT({ ...decodeJwt(good), roles: ['admin'], jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
      .sign(privateKey);
    for (const place of [url, again.url]) {
      const { json } = await ask(`${place.replace('/api/v1/auth', '')}/.well-known/jwks.json`, 'GET');
      expect(json.keys.map((key: JWK) => key.kid)).toEqual([active?.kid]);
      expect((await ask(`${place}/verify`, 'GET', { token: forged })).json.code).toBe('INVALID_TOKEN');
      expect((await ask(`${place}/verify`, 'GET', { token: good })).status).toBe(200);
    }
  });
});
