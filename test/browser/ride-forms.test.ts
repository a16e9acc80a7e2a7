import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import {
  acceptButton,
  book,
  fact,
  keepSecrets,
  openRaider,
  openRide,
  openUser,
  press,
  sentence,
  stand,
  stateOf,
} from './ride-page.ts';
import { chromiumProgram, openRig, type Rig } from './rig.ts';

/** The name of the element with the focus. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const label = element instanceof HTMLSelectElement ? element.labels[0]?.firstChild : undefined;
    return element?.getAttribute('aria-label') ?? label?.textContent ?? element?.textContent ?? '';
  });
/** Moves the focus by the tab key to the element with a name. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)) === name) return;
  }
  throw new Error(`the tab key does not reach ${name}`);
}

describeWith([chromiumProgram], 'the forms of the bike taxi in Chromium', () => {
  let rig: Rig;
  beforeAll(async () => {
    // Access tokens expire during each test, so that pages and streams have to refresh their session.
    rig = await openRig(() => ({ SIGNET_ACCESS_TTL: '10s' }), { services: ['user', 'ride'] });
  });
  afterAll(() => rig.close());

  test('everything is done by keyboard, and a list that changes keeps the focus', async () => {
    const [user, raider] = [await openUser(rig), await openRaider(rig)];
    await tabTo(user.page, 'Pickup');
    await user.page.keyboard.type('Temp');
    await tabTo(user.page, 'Dropoff');
    await user.page.keyboard.type('Kott');
    await tabTo(user.page, 'Book the ride');
    await user.page.keyboard.press('Enter');
    await fact(user.page, 'Dropoff', 'Kottbusser Tor');

    await tabTo(raider.page, 'Your position');
    await raider.page.keyboard.type('Temp');
    const first = 'Accept the ride Tempelhofer Feld → Kottbusser Tor';
    await raider.page.getByRole('button', { name: first }).waitFor();
    await tabTo(raider.page, first);
    const other = await openUser(rig);
    await book(other.page, 'Tempelhofer Feld', 'Potsdamer Platz');
    await acceptButton(raider.page, 'Tempelhofer Feld', 'Potsdamer Platz').waitFor();
    expect(await focused(raider.page)).toBe(first);
    await raider.page.keyboard.press('Enter');
    for (const [name, state] of [
      ['Start the ride', 'started'],
      ['Complete the ride', 'completed'],
    ] as const) {
      await raider.page.getByRole('button', { name }).waitFor();
      await tabTo(raider.page, name);
      await raider.page.keyboard.press('Enter');
      await stateOf(user.page, state);
    }
    for (const { page, faults } of [user, raider, other]) {
      await keepSecrets(rig, page);
      expect(faults).toEqual([]);
    }
  });

  test('a ride whose response is lost is booked once when the button is pressed again', async () => {
    const { page, faults } = await openUser(rig);
    const keys: (string | undefined)[] = [];
    await page.route('**/api/v1/rides', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      // This request comes from Node, which does not resolve the name of the site.
      const answer = await route.fetch({ url: `${rig.system.edge}/api/v1/rides` });
      return keys.length === 1 ? route.abort() : route.fulfill({ response: answer });
    });
    await page.getByRole('combobox', { name: 'Pickup' }).selectOption('Kottbusser Tor');
    await page.getByRole('combobox', { name: 'Dropoff' }).selectOption('Ostbahnhof');
    await press(page, 'Book the ride');
    await page.getByRole('alert').filter({ hasText: 'The server cannot be reached.' }).waitFor();
    await press(page, 'Book the ride');
    await stateOf(page, 'requested');
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    await page.getByRole('link', { name: '← Rides' }).click();
    await page.locator('.rides li').waitFor();
    expect(await page.locator('.rides li').count()).toBe(1);
    await press(page, 'Sign out');
    await page.getByRole('link', { name: 'Book rides' }).waitFor();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    expect(faults).toEqual(['Failed to load resource: net::ERR_FAILED']);
  });

  test('an account with both roles sees both halves, but not its own booking among the open rides', async () => {
    const { email, password } = await rig.system.staff('raider');
    const { page, faults } = await openRide(rig);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill('not the password');
    await press(page, 'Sign in');
    await page.getByText('The email or the password is wrong.').waitFor();
    await page.getByLabel('Password').fill(password);
    await press(page, 'Sign in');
    await page.getByText('Ada (raider, user)').waitFor();
    await keepSecrets(rig, page);
    await book(page, 'Schloss Charlottenburg', 'Hauptbahnhof');
    await page.getByRole('link', { name: '← Rides' }).click();
    await page.getByRole('region', { name: 'Book a ride' }).waitFor();
    await stand(page, 'Schloss Charlottenburg');
    await page.getByText('None at the moment.').waitFor();
    await page.locator('.rides li', { hasText: 'requested' }).waitFor();
    await keepSecrets(rig, page);
    expect(faults).toEqual([]);
  });

  test('any place of the earth can be typed, and the form names what is wrong', async () => {
    const { page, faults } = await openUser(rig);
    await page.getByRole('combobox', { name: 'Pickup' }).selectOption('Another place');
    const pickup = page.getByRole('group', { name: 'Pickup' });
    await pickup.getByLabel('Address').fill('Ponte 25 de Abril');
    await pickup.getByLabel('Longitude').fill('-9.1771');
    await page.getByRole('combobox', { name: 'Dropoff' }).selectOption('Hauptbahnhof');
    for (const latitude of ['', '90.1', '-90.1']) {
      await pickup.getByLabel('Latitude').fill(latitude);
      await press(page, 'Book the ride');
      expect(
        await page.locator('input:invalid').evaluateAll((found) => found.map((one) => one === document.activeElement)),
      ).toEqual([true]);
    }
    await pickup.getByLabel('Latitude').fill('38.6899');
    await press(page, 'Book the ride');
    await fact(page, 'Pickup', 'Ponte 25 de Abril');
    // The page that was left does not lead to the sign-in.
    await press(page, 'Sign out');
    await page.getByRole('link', { name: 'Book rides' }).waitFor();
    expect(new URL(page.url()).hash).toBe('#/');
    expect(faults).toEqual([]);
  });

  test('a ride of others is not shown', async () => {
    const [user, other] = [await openUser(rig), await openUser(rig)];
    await book(user.page, 'Kottbusser Tor', 'Alexanderplatz');
    await other.page.goto(user.page.url());
    await other.page.getByRole('heading', { name: 'That did not work' }).waitFor();
    expect(await other.page.getByText('Kottbusser Tor').count()).toBe(0);
  });

  test('the page fits the screen of a phone', async () => {
    const { page } = await openRide(rig);
    await page.setViewportSize({ width: 360, height: 640 });
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    await page.locator('.map svg').waitFor();
    expect(await width()).toBeLessThanOrEqual(360);
    const { email, password } = await rig.system.staff('raider');
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    await press(page, 'Sign in');
    await page.getByRole('heading', { name: 'Your rides' }).waitFor();
    await keepSecrets(rig, page);
    expect(await width()).toBeLessThanOrEqual(360);
    await book(page, 'Kottbusser Tor', 'Alexanderplatz');
    expect(await width()).toBeLessThanOrEqual(360);
  });
});

describeWith([chromiumProgram], 'a ride that no raider accepts, in Chromium', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await openRig(() => ({ SIGNET_RIDE_EXPIRY: '1s' }), { services: ['user', 'ride'] });
  });
  afterAll(() => rig.close());

  test('expires on the page of its user', async () => {
    const { page, faults } = await openUser(rig);
    await page.getByRole('combobox', { name: 'Pickup' }).selectOption('Hauptbahnhof');
    await page.getByRole('combobox', { name: 'Dropoff' }).selectOption('Alexanderplatz');
    await press(page, 'Book the ride');
    await sentence(page, 'No raider accepted in time.');
    await page.locator('.timeline .ended', { hasText: 'Expired' }).waitFor();
    expect(await page.getByRole('button', { name: 'Cancel the ride' }).count()).toBe(0);
    expect(faults).toEqual([]);
  });
});
