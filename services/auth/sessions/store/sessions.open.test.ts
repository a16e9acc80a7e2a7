import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { createAdminStore } from '../../accounts/store/administration.ts';
import { createRegistrationStore } from '../../accounts/store/registration.ts';
import { system } from '../../audit/rules/events.ts';
import { createPasswordStore } from '../../passwords/store.ts';
import type { Authentication } from '../rules/authentication.ts';
import { createSessionStore } from './sessions.ts';

let fresh: FreshDatabase;
let database: Database;
let db: PrismaClient;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'open-test', log: silentLog });
  db = new PrismaClient({ adapter: database.adapter });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const day = 86_400_000;
const storeOf = () =>
  createSessionStore(database.statements, { limit: 100, idle: day, max: day, grace: 10_000, replay: 'audit' });

/** The authentication of a new account without a session. */
async function authenticated(): Promise<Authentication> {
  const id = uuidv7();
  const user = { id, email: `${id}@example.com`, name: 'Ada', roles: ['user'], createdAt: new Date() };
  await createRegistrationStore(db).insertOnce(user, 'first hash', system);
  const found = await createPasswordStore(database.statements).findForLogin(user.email, '');
  return { ...found!, amr: ['pwd'], isKnownPlace: false };
}

function open(authentication: Authentication) {
  const secret = new Secret(new Uint8Array(randomBytes(32)));
  return storeOf().open({ id: uuidv7(), authentication, clientId: 'signet', deviceLabel: '', secret }, system);
}

test('a session has the methods and the time of its authentication', async () => {
  const authentication = await authenticated();
  const authTime = new Date(authentication.authTime.getTime() - 60_000);
  const signedIn = await open({ ...authentication, amr: ['pwd', 'otp', 'mfa'], authTime });
  expect(signedIn?.session).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], authTime });
});

test('after a password change, an authentication with the old password opens no session and changes no password', async () => {
  const passwords = createPasswordStore(database.statements);
  const authentication = await authenticated();
  expect(await passwords.change(authentication, 'second hash', uuidv7(), system)).toBe(true);
  expect(await open(authentication)).toBeUndefined();
  expect(await passwords.change(authentication, 'third hash', uuidv7(), system)).toBe(false);
});

test('opens no session of a disabled account', async () => {
  const authentication = await authenticated();
  await createAdminStore(db).disable(authentication.account.id, system);
  expect(await open(authentication)).toBeUndefined();
});

test('a rehash of the same password does not fail a concurrent sign-in', async () => {
  const authentication = await authenticated();
  expect(
    await createPasswordStore(database.statements).rehash(authentication.account.id, 'first hash', 'better hash'),
  ).toBe(true);
  expect(await open(authentication)).toBeDefined();
});

test('of fifty sessions opened during a password change, none survives; of fifty concurrent changes, one succeeds', async () => {
  const authentication = await authenticated();
  const passwords = createPasswordStore(database.statements);
  const opens = Array.from({ length: 50 }, () => open(authentication));
  const changes = Array.from({ length: 50 }, () => passwords.change(authentication, 'next hash', uuidv7(), system));
  const [, changed] = await Promise.all([Promise.all(opens), Promise.all(changes)]);
  expect(changed.filter(Boolean)).toHaveLength(1);
  const where = { userId: authentication.account.id, revokedAt: null };
  expect(await db.session.count({ where })).toBe(0);
});
