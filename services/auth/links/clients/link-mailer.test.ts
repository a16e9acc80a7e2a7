import { afterAll, beforeAll, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { RegistrationStore } from '../../accounts/rules/registration.ts';
import { createRegistrationStore } from '../../accounts/store/registration.ts';
import { system } from '../../audit/rules/events.ts';
import type { EmailVerificationStore } from '../../email-verification/rules.ts';
import { createEmailVerificationStore } from '../../email-verification/store.ts';
import type { PasswordStore } from '../../passwords/rules/authenticator.ts';
import { createPasswordStore } from '../../passwords/store.ts';
import type { LinkPurpose, LinkStore } from '../rules.ts';
import { createLinkStore } from '../store.ts';
import { createLinkMailer } from './link-mailer.ts';

let fresh: FreshDatabase;
let database: Database;
let accounts: RegistrationStore;
let passwords: PasswordStore;
let emails: EmailVerificationStore;
let links: LinkStore;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'link-mailer-test', log: silentLog });
  const db = new PrismaClient({ adapter: database.adapter });
  accounts = createRegistrationStore(db);
  passwords = createPasswordStore(db);
  emails = createEmailVerificationStore(db);
  links = createLinkStore(db);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

async function account(name = 'Ada') {
  const id = uuidv7();
  const user = { id, email: `${id}@example.com`, name, roles: ['user'], createdAt: new Date() };
  await accounts.insertOnce(user, 'first hash', system);
  return user;
}

/** The mail sent to an address, if any, and the token in it. */
async function mailTo(email: string, purpose: LinkPurpose, by = system) {
  const sent: { to: string; text: string }[] = [];
  const send = async (mail: { to: string; text: string }) => void sent.push(mail);
  const mailer = createLinkMailer({ store: links, send, baseUrl: 'https://id.example.com', log: silentLog });
  mailer.later(purpose, email, by);
  await mailer.idle();
  const [mail] = sent;
  return mail && { ...mail, token: /#token=([\w-]{43})$/m.exec(mail.text)?.[1] ?? '' };
}

test('a link works once, for its purpose and account, also after a newer link', async () => {
  const { id, email } = await account();
  const first = await mailTo(email, 'password_reset');
  const second = await mailTo(email, 'password_reset');
  expect(second).toMatchObject({ to: email, text: expect.stringContaining('https://id.example.com/reset-password#') });
  const verification = await mailTo(email, 'email_verification');
  expect(await emails.verify(first?.token ?? '', id, system)).toBe(false);
  expect(await emails.verify(verification?.token ?? '', (await account()).id, system)).toBe(false);
  expect(await emails.verify(verification?.token ?? '', id, system)).toBe(true);
  expect(await passwords.reset(first?.token ?? '', 'new hash', system)).toBe(true);
  expect(await passwords.reset(first?.token ?? '', 'newer hash', system)).toBe(false);
  expect(await passwords.reset(second?.token ?? '', 'newer hash', system), 'a reset voids the others').toBe(false);
});

test.each(['password_reset', 'email_verification'] as const)(
  'of fifty concurrent uses of an account’s links, one succeeds (%s)',
  async (purpose) => {
    const { id, email } = await account();
    const sent = [await mailTo(email, purpose), await mailTo(email, purpose)];
    const uses = Array.from({ length: 50 }, (_, index) => {
      const { token = '' } = sent[index % 2] ?? {};
      return purpose === 'password_reset'
        ? passwords.reset(token, 'new hash', system)
        : emails.verify(token, id, system);
    });
    expect((await Promise.all(uses)).filter(Boolean)).toHaveLength(1);
  },
);

test('a mail states the requesting address and what to do about an unwanted mail', async () => {
  const { email } = await account();
  const by = { id: '', ip: '203.0.113.7', requestId: 'r' };
  const [reset, verification] = [
    await mailTo(email, 'password_reset', by),
    await mailTo(email, 'email_verification', by),
  ];
  for (const mail of [reset, verification]) {
    expect(mail?.text).toContain('from the network address 203.0.113.7');
    expect(mail?.text).toContain('If it was not you, do n');
  }
});

test('sends nothing to an unknown email', async () => {
  expect(await mailTo('nobody@example.com', 'password_reset')).toBeUndefined();
});

test('a mail to an unverified email does not contain the name', async () => {
  const { id, email } = await account('You won! See https://evil.example');
  const verification = await mailTo(email, 'email_verification');
  expect(verification?.text).toMatch(/^Hello,\n/);
  expect((await mailTo(email, 'password_reset'))?.text).not.toContain('evil');
  expect(await emails.verify(verification?.token ?? '', id, system)).toBe(true);
  expect((await mailTo(email, 'password_reset'))?.text).toMatch(/^Hello You won! /);
});

test('a password change invalidates reset links', async () => {
  const { id, email } = await account();
  const mail = await mailTo(email, 'password_reset');
  expect(await links.find('password_reset', mail?.token ?? '')).toMatchObject({ id });
  const proof = { ...(await passwords.findForLogin(email, ''))!, amr: ['pwd'] };
  expect(await passwords.change(proof, 'second hash', uuidv7(), system)).toBe(true);
  expect(await links.find('password_reset', mail?.token ?? '')).toBeUndefined();
  expect(await passwords.reset(mail?.token ?? '', 'third hash', system)).toBe(false);
});
