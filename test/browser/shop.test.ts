import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { chromiumProgram, faultsOf, openRig, type Rig } from './rig.ts';

/** Ends what hangs. It is long, so that a loaded machine passes. */
const soon = { timeout: 60_000 };

describeWith([chromiumProgram], 'the shop in Chromium', () => {
  let rig: Rig;
  beforeAll(async () => {
    // Access tokens expire during each test, so that pages and streams have to refresh their session.
    const env = { SIGNET_SEED_SHOP: 'true', SIGNET_ACCESS_TTL: '10s' };
    rig = await openRig(() => env, { services: ['user', 'notification', 'order'] });
  });
  afterAll(() => rig.close());

  /** The shop in a new profile. */
  async function openShop() {
    const { context } = await rig.profile();
    const page = await context.newPage();
    const faults = faultsOf(page, rig.edgeOrigin);
    await page.goto(`${rig.edgeOrigin}/shop`);
    return { page, faults };
  }

  /** Tokens and passwords of a page must not be logged. */
  async function keepSecrets(page: Page): Promise<void> {
    for (const { value } of await page.context().cookies()) rig.system.secret(value);
    rig.system.secret(await page.evaluate(() => localStorage.getItem('signet.csrf') ?? crypto.randomUUID()));
  }

  async function signUp(page: Page) {
    const email = `p${randomBytes(6).toString('hex')}@example.com`;
    const password = rig.system.secret(randomBytes(12).toString('hex'));
    await page.getByRole('link', { name: 'Sign up' }).click();
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await keepSecrets(page);
    return { email, password };
  }

  async function putIntoCart(page: Page, search: string, name: string, quantity = 1): Promise<void> {
    await page.getByRole('searchbox').fill(search);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.getByLabel('Quantity').fill(String(quantity));
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.getByText(`${name} is in the cart.`).waitFor();
  }

  async function checkOut(page: Page, method: string): Promise<void> {
    await page.getByRole('link', { name: 'Cart' }).click();
    await page.getByRole('link', { name: 'Check out' }).click();
    const address = {
      Name: 'Ada Lovelace',
      'Street and number': 'Karl-Marx-Allee 1',
      'Postal code': '10178',
      City: 'Berlin',
    };
    for (const [label, text] of Object.entries(address)) await page.getByLabel(label, { exact: true }).fill(text);
    await page.getByLabel(method).check();
    await page.getByRole('button', { name: /Order and pay/ }).click();
  }
  const state = (page: Page, text: string) => page.locator('#order-state', { hasText: text }).waitFor();

  test('a visitor signs up, finds a product, orders it, follows the order, and cancels it', async () => {
    const { page, faults } = await openShop();
    await page.getByRole('heading', { name: 'Everyday things, made to last' }).waitFor();
    await signUp(page);
    // A notification arrives without a reload.
    await page.locator('#unread-count', { hasText: '1' }).waitFor();

    await putIntoCart(page, 'enamel mug', 'Enamel mug, 350 ml', 2);
    await page.locator('#cart-count', { hasText: '2' }).waitFor();
    await page.getByRole('link', { name: 'Cart' }).click();
    await page.getByLabel('Quantity of Enamel mug, 350 ml').fill('3');
    await page.keyboard.press('Tab');
    await page.locator('.total', { hasText: '37.50' }).waitFor();

    await checkOut(page, 'Card that works');
    await state(page, 'confirmed');
    expect(await page.locator('.timeline .done strong').allTextContents()).toEqual([
      'Placed',
      'Stock reserved',
      'Paid',
      'Confirmed',
    ]);
    await page.locator('#cart-count').waitFor({ state: 'hidden' });
    await page.locator('#unread-count', { hasText: '2' }).waitFor();

    await page.getByRole('button', { name: 'Cancel the order' }).click();
    await state(page, 'refunded');
    await page.locator('#unread-count', { hasText: '3' }).waitFor();
    await page.getByRole('button', { name: 'Notifications' }).click();
    const titles = page.locator('#inbox li strong');
    expect(await titles.allTextContents()).toEqual(['Order refunded', 'Order confirmed', 'Welcome']);
    await page.getByRole('link', { name: 'Show the order' }).first().click();
    await titles.first().waitFor({ state: 'hidden' });
    await page.getByRole('link', { name: '← Orders' }).click();
    await page.locator('.orders li', { hasText: 'refunded' }).waitFor();
    expect(await page.locator('.orders li').count()).toBe(1);
    expect(faults).toEqual([]);
  });

  test('an order whose payment is confirmed late is followed until it is confirmed', async () => {
    const { page, faults } = await openShop();
    await signUp(page);
    await putIntoCart(page, 'brass bell', 'Brass bell');
    await checkOut(page, 'Card whose bank answers late');
    await state(page, 'confirmed');
    expect(faults).toEqual([]);
  });

  test('a declined payment is shown with its order, and the cart keeps its lines', async () => {
    const { page, faults } = await openShop();
    await signUp(page);
    await putIntoCart(page, 'brass bell', 'Brass bell');
    await checkOut(page, 'Card that is declined');
    await page.getByRole('alert').filter({ hasText: 'The payment was declined.' }).waitFor();
    await page.locator('#cart-count', { hasText: '1' }).waitFor();
    // The same cart with another card is another request.
    await page.getByLabel('Card that works').check();
    await page.getByRole('button', { name: /Order and pay/ }).click();
    await state(page, 'confirmed');
    await page.goto(`${rig.edgeOrigin}/shop#/orders`);
    await expect.poll(() => page.locator('.orders .state').allTextContents(), soon).toEqual(['confirmed', 'cancelled']);
    expect(faults).toEqual([]);
  });

  test('an order whose response is lost is placed once when the button is pressed again', async () => {
    const { page, faults } = await openShop();
    await signUp(page);
    await putIntoCart(page, 'brass bell', 'Brass bell');
    const keys: (string | undefined)[] = [];
    await page.route('**/api/v1/orders', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      // This request comes from Node, which does not resolve the name of the site.
      const answer = await route.fetch({ url: `${rig.system.edge}/api/v1/orders` });
      return keys.length === 1 ? route.abort() : route.fulfill({ response: answer });
    });
    await checkOut(page, 'Card that works');
    await page.getByRole('alert').filter({ hasText: 'The server cannot be reached.' }).waitFor();
    await page.getByRole('button', { name: /Order and pay/ }).click();
    await state(page, 'confirmed');
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
    await page.goto(`${rig.edgeOrigin}/shop#/orders`);
    await expect.poll(() => page.locator('.orders .state').allTextContents(), soon).toEqual(['confirmed']);
    expect(faults).toEqual(['Failed to load resource: net::ERR_FAILED']);
  });

  describe('the list of products', () => {
    test('has pages, categories and an order, all in the address', async () => {
      const { page, faults } = await openShop();
      const cards = page.locator('.card');
      await expect.poll(() => cards.count(), soon).toBe(24);
      await page.getByRole('button', { name: 'Show more' }).click();
      await expect.poll(() => cards.count(), soon).toBe(48);
      await page.getByRole('button', { name: 'Show more' }).click();
      await expect.poll(() => cards.count(), soon).toBe(60);
      expect(await page.getByRole('button', { name: 'Show more' }).isVisible()).toBe(false);

      await page.getByRole('navigation', { name: 'Categories' }).getByRole('link', { name: 'Cycling' }).click();
      await expect.poll(() => cards.count(), soon).toBe(10);
      await page.getByLabel('Order of the products').selectOption('price');
      await expect.poll(() => cards.first().innerText(), soon).toContain('Puncture repair kit');
      expect(page.url()).toContain('#/?category=cycling&order=price');
      await page.reload();
      await expect.poll(() => cards.first().innerText(), soon).toContain('€5.20');
      await page.getByRole('searchbox').fill('nothing like this');
      await page.keyboard.press('Enter');
      await page.getByText('No product matches.').waitFor();
      await page.goBack();
      await expect.poll(() => cards.count(), soon).toBe(10);
      expect(faults).toEqual([]);
    });

    test('fits the screen of a phone, with a cover for each product', async () => {
      const { page } = await openShop();
      await page.setViewportSize({ width: 360, height: 640 });
      await expect.poll(() => page.locator('.card svg.cover').count(), soon).toBe(24);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    });
  });

  describe('a session', () => {
    test('continues after its access token has expired, and ends with the sign-out', async () => {
      const { page, faults } = await openShop();
      const { email, password } = await signUp(page);
      await page.context().clearCookies({ name: 'signet_at' });
      await putIntoCart(page, 'brass bell', 'Brass bell');
      await keepSecrets(page);
      await page.reload();
      await page.locator('#cart-count', { hasText: '1' }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('link', { name: 'Sign in' }).waitFor();
      expect(await page.evaluate(() => localStorage.length)).toBe(0);

      await page.goto(`${rig.edgeOrigin}/shop#/cart`);
      await page.getByLabel('Email').fill(email);
      await page.getByLabel('Password').fill('not the password');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('The email or the password is wrong.').waitFor();
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      // Back on the page that required the session.
      await page.getByLabel('Quantity of Brass bell').waitFor();
      await keepSecrets(page);
      expect(faults).toEqual([]);
    });

    test('lets notifications arrive after the access token of the stream has expired', async () => {
      const { page, faults } = await openShop();
      const { email } = await signUp(page);
      await page.locator('#unread-count', { hasText: '1' }).waitFor();
      await page.waitForResponse((response) => response.url().endsWith('/auth/refresh'));
      await rig.system.rest('POST', '/auth/password/reset-request', { body: { email } });
      await page.locator('#unread-count', { hasText: '2' }).waitFor();
      await page.getByRole('button', { name: 'Notifications' }).click();
      await page.getByRole('listitem').filter({ hasText: 'Set a new password' }).waitFor();
      await page.getByRole('button', { name: 'Mark as read' }).first().click();
      await page.locator('#unread-count', { hasText: '1' }).waitFor();
      await page.getByRole('button', { name: 'Mark all as read' }).click();
      await page.locator('#unread-count').waitFor({ state: 'hidden' });
      await keepSecrets(page);
      expect(faults).toEqual([]);
    });

    test('that is ended elsewhere, ends here within its streams', async () => {
      const { page } = await openShop();
      const { email, password } = await signUp(page);
      await page.locator('#unread-count').waitFor();
      const { json } = await rig.system.rest('POST', '/auth/login', { body: { email, password } });
      for (const one of [json.access_token, json.refresh_token, json.device_token]) rig.system.secret(one);
      const token = json.access_token;
      expect((await rig.system.rest('POST', '/auth/sessions:revokeOthers', { token, body: {} })).status).toBe(200);
      await page.getByRole('link', { name: 'Sign in' }).waitFor();
    });

    test('that another tab ends, ends in this one', async () => {
      const { page } = await openShop();
      await signUp(page);
      const other = await page.context().newPage();
      await other.goto(`${rig.edgeOrigin}/shop`);
      await other.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('link', { name: 'Sign in' }).waitFor();
      expect(await page.getByRole('button', { name: 'Sign out' }).count()).toBe(0);
    });
  });

  test('a line that cannot be ordered blocks the checkout and says why', async () => {
    const { page, faults } = await openShop();
    await signUp(page);
    await putIntoCart(page, 'tent', 'Tent for two', 10);
    await page.getByRole('link', { name: 'Cart' }).click();
    await page.getByText('Only 9 left.').waitFor();
    expect(await page.getByRole('link', { name: 'Check out' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Remove Tent for two' }).click();
    await page.getByText('The cart is empty.').waitFor();
    expect(faults).toEqual([]);
  });

  // For README.md: SHOP_PICTURE=docs/images/shop.png npx vitest run --project browser test/browser/shop.test.ts
  test.runIf(process.env['SHOP_PICTURE'])('takes the picture of README.md', async () => {
    const { page, faults } = await openShop();
    await page.setViewportSize({ width: 1280, height: 860 });
    await signUp(page);
    await page.locator('#unread-count').waitFor();
    await putIntoCart(page, 'enamel mug', 'Enamel mug, 350 ml');
    await checkOut(page, 'Card that works');
    await page.locator('#unread-count', { hasText: '2' }).waitFor();
    await putIntoCart(page, 'enamel mug', 'Enamel mug, 350 ml', 2);
    await page.goto(`${rig.edgeOrigin}/shop#/?order=name`);
    await page.locator('.card').first().waitFor();
    await expect.poll(() => page.locator('.toast').count(), soon).toBe(0);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: process.env['SHOP_PICTURE']! });
    expect(faults).toEqual([]);
  });
});
