import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import type { Person } from '../system.ts';
import { chromiumProgram, faultsOf, openRig, type Rig, signInAs } from './rig.ts';

describeWith([chromiumProgram], 'the pages of links in mails, in Chromium', () => {
  let rig: Rig;
  let admin: Person;
  beforeAll(async () => {
    rig = await openRig(() => ({ SIGNET_LOGIN_LIMIT: '4' }), { services: ['notification'] });
    admin = await rig.system.staff('admin');
  });
  afterAll(() => rig.close());

  /** The link in the newest mail with a subject, in the development mailbox. */
  async function linkTo(email: string, subject: RegExp): Promise<string> {
    const find = async () => {
      const { json } = await rig.system.rest('GET', `/admin/mails?to=${email}`, { token: admin.access });
      return json.mails.find((mail: { subject: string }) => subject.test(mail.subject))?.text;
    };
    await expect.poll(find).toBeDefined();
    const link = /^http\S+#token=\S+$/m.exec(await find())?.[0] ?? '';
    rig.system.secret(new URL(link).hash.slice('#token='.length));
    return link;
  }
  const resetLink = async ({ email }: Person) => {
    await rig.system.rest('POST', '/auth/password/reset-request', { body: { email } });
    return linkTo(email, /new password/);
  };
  const verifyLink = async ({ email, access: token }: Person) => {
    await rig.system.rest('POST', '/auth/email/verification', { token, body: {} });
    return linkTo(email, /Verify/);
  };
  const newPassword = () => rig.system.secret(randomBytes(12).toString('hex'));
  const login = ({ email }: Person, password: string) =>
    rig.system.rest('POST', '/auth/login', { body: { email, password } });
  const isVerified = async ({ email, password }: Person) => {
    const { json } = await login({ email } as Person, password);
    for (const one of [json.access_token, json.refresh_token, json.device_token]) rig.system.secret(one);
    return json.user.email_verified_at !== undefined;
  };
  const message = (page: Page, text: RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor();

  /** A page in a new profile on the screen of a phone. */
  async function openPage(link: string) {
    const { context } = await rig.profile();
    const page = await context.newPage();
    await page.setViewportSize({ width: 360, height: 640 });
    const faults = faultsOf(page, rig.edgeOrigin);
    await page.goto(link);
    return { page, faults };
  }

  describe('/reset-password', () => {
    test('sets the password once, with the token nowhere but in the request', async () => {
      const ada = await rig.system.person();
      const link = await resetLink(ada);
      const { page, faults } = await openPage(link);
      const input = page.getByLabel('New password');
      await input.waitFor();
      expect(page.url()).toBe(`${rig.edgeOrigin}/reset-password`);
      expect(await page.content()).not.toContain(new URL(link).hash.slice('#token='.length));
      expect(await input.evaluate((element) => element === document.activeElement)).toBe(true);
      expect(await input.getAttribute('autocomplete')).toBe('new-password');
      // Nothing is wider than the screen.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);

      await input.fill('secret');
      await page.getByRole('button', { name: 'Set the password' }).click();
      await message(page, /The password must have at least 8 characters\./);
      expect(await input.getAttribute('aria-invalid')).toBe('true');
      await input.fill('password1');
      await page.keyboard.press('Enter');
      await message(page, /The password is a common password\./);

      const password = newPassword();
      await input.fill(password);
      await page.getByLabel('Show the password').check();
      expect(await input.getAttribute('type')).toBe('text');
      await page.getByRole('button', { name: 'Set the password' }).click();
      await message(page, /The new password is set/);
      expect(await input.isVisible()).toBe(false);
      const signedIn = await login(ada, password);
      for (const one of [signedIn.json.access_token, signedIn.json.refresh_token, signedIn.json.device_token])
        rig.system.secret(one);
      expect([signedIn.status, (await login(ada, ada.password)).status]).toEqual([200, 401]);

      const again = await openPage(link);
      await again.page.getByLabel('New password').fill(newPassword());
      await again.page.getByRole('button', { name: 'Set the password' }).click();
      await message(again.page, /was already used\. Request a new one\./);
      expect([...faults, ...again.faults]).toEqual([]);
    });

    test('without a token requests a link, and says the same for an unknown address', async () => {
      const ada = await rig.system.person();
      for (const email of [ada.email, 'unknown@example.com']) {
        const { page } = await openPage(`${rig.edgeOrigin}/reset-password`);
        await page.getByLabel('Email address of the account').fill(email);
        await page.getByRole('button', { name: 'Send a link' }).click();
        await message(page, /If an account has this address/);
      }
      expect(await linkTo(ada.email, /new password/)).toContain('/reset-password#token=');
    });

    test('reads the token of a second link in the same tab', async () => {
      const ada = await rig.system.person();
      const { page } = await openPage(`${rig.edgeOrigin}/reset-password`);
      await page.getByRole('button', { name: 'Send a link' }).waitFor();
      await page.goto(await resetLink(ada));
      await page.getByLabel('New password').waitFor();
      expect(page.url()).toBe(`${rig.edgeOrigin}/reset-password`);
    });
  });

  describe('/verify-email', () => {
    test('verifies with the password of the account, and tells a wrong one from a bad link', async () => {
      const ada = await rig.system.person();
      const link = await verifyLink(ada);
      const { page, faults } = await openPage(link);
      const input = page.getByLabel('Password of your account');
      await input.waitFor();
      expect(page.url()).toBe(`${rig.edgeOrigin}/verify-email`);
      expect(await input.getAttribute('autocomplete')).toBe('current-password');
      await input.fill(newPassword());
      await page.getByRole('button', { name: 'Verify' }).click();
      await message(page, /not that of the account/);
      await input.fill(ada.password);
      await page.getByRole('button', { name: 'Verify' }).click();
      await message(page, /The email address is verified\./);
      expect(await isVerified(ada)).toBe(true);

      const again = await openPage(link);
      await again.page.getByLabel('Password of your account').fill(ada.password);
      await again.page.getByRole('button', { name: 'Verify' }).click();
      await message(again.page, /was already used/);
      expect([...faults, ...again.faults]).toEqual([]);
    });

    test('shows when to try again after too many wrong passwords', async () => {
      const ada = await rig.system.person();
      const { page, faults } = await openPage(await verifyLink(ada));
      const input = page.getByLabel('Password of your account');
      for (let attempt = 0; attempt < 4; attempt++) {
        await input.fill(newPassword());
        await page.getByRole('button', { name: 'Verify' }).click();
        await message(page, /not that of the account/);
      }
      await input.fill(newPassword());
      await page.getByRole('button', { name: 'Verify' }).click();
      await message(page, /Too many attempts\. Try again in 1\d minutes\./);
      expect(faults).toEqual([]);
    });

    test('without a token asks for the link', async () => {
      const { page, faults } = await openPage(`${rig.edgeOrigin}/verify-email`);
      await message(page, /Open the link again\./);
      expect(faults).toEqual([]);
    });

    describe('in a session of the browser', () => {
      /** A profile that is signed in as a page of the edge signs in. */
      async function signedIn(person: Person): Promise<Page> {
        const { page } = await openPage(`${rig.edgeOrigin}/verify-email`);
        const csrf = rig.system.secret(await signInAs(page, rig.edgeOrigin, person));
        await page.evaluate((token) => localStorage.setItem('signet.csrf', token), csrf);
        for (const { value } of await page.context().cookies()) rig.system.secret(value);
        return page;
      }

      test('needs no password, also when the access token has expired', async () => {
        const ada = await rig.system.person();
        const page = await signedIn(ada);
        await page.context().clearCookies({ name: 'signet_at' });
        await page.goto(await verifyLink(ada));
        await message(page, /The email address is verified\./);
        expect(await isVerified(ada)).toBe(true);
        for (const { value } of await page.context().cookies()) rig.system.secret(value);
      });

      test('of another account asks for the password, and verifies nothing', async () => {
        const [ada, eve] = [await rig.system.person(), await rig.system.person()];
        const page = await signedIn(ada);
        await page.goto(await verifyLink(eve));
        await message(page, /does not belong to the account that is signed in here/);
        await page.getByLabel('Password of your account').waitFor();
        expect([await isVerified(ada), await isVerified(eve)]).toEqual([false, false]);
      });

      test('that has ended asks for the password', async () => {
        const ada = await rig.system.person();
        const page = await signedIn(ada);
        const link = await verifyLink(ada);
        await rig.system.rest('POST', '/auth/sessions:revokeOthers', { token: ada.access, body: {} });
        await page.goto(link);
        await page.getByLabel('Password of your account').fill(ada.password);
        await page.getByRole('button', { name: 'Verify' }).click();
        await message(page, /The email address is verified\./);
        expect(await isVerified(ada)).toBe(true);
      });
    });
  });

  test('without scripts, the pages say what is missing and show no form', async () => {
    const { context } = await rig.profile();
    const plain = await context.browser()!.newContext({ javaScriptEnabled: false });
    for (const path of ['/reset-password', '/verify-email']) {
      const page = await plain.newPage();
      await page.goto(`${rig.edgeOrigin}${path}#token=x`);
      // Locators by text skip this element.
      expect(await page.locator('noscript').innerText()).toContain('This page needs JavaScript');
      expect(await page.locator('form:visible').count()).toBe(0);
    }
    await plain.close();
  });
});
