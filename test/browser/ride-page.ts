import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { faultsOf, type Rig } from './rig.ts';

/** `/ride` in a browser, and what it has done wrong so far. */
export interface RidePage {
  readonly page: Page;
  readonly faults: readonly string[];
}

/** Opens `/ride` in a new browser profile. */
export async function openRide(rig: Rig): Promise<RidePage> {
  const { context } = await rig.profile();
  const page = await context.newPage();
  const faults = faultsOf(page, rig.edgeOrigin);
  await page.goto(`${rig.edgeOrigin}/ride`);
  return { page, faults };
}

/** Opens `/ride` for a new account that books rides. */
export const openUser = (rig: Rig) => openAs(rig, 'Book rides');

/** Opens `/ride` for a new account that gives rides. */
export const openRaider = (rig: Rig) => openAs(rig, 'Give rides');

async function openAs(rig: Rig, link: string): Promise<RidePage> {
  const { page, faults } = await openRide(rig);
  const password = rig.system.secret(randomBytes(12).toString('hex'));
  await page.getByRole('link', { name: link }).click();
  await page.getByLabel('Name').fill('Ada');
  await page.getByLabel('Email').fill(`p${randomBytes(6).toString('hex')}@example.com`);
  await page.getByLabel('Password').fill(password);
  await press(page, 'Sign up');
  await page.getByRole('heading', { name: 'Your rides' }).waitFor();
  await keepSecrets(rig, page);
  return { page, faults };
}

/** Tokens of a page must not be logged. */
export async function keepSecrets(rig: Rig, page: Page): Promise<void> {
  for (const { value } of await page.context().cookies()) rig.system.secret(value);
  rig.system.secret(await page.evaluate(() => localStorage.getItem('signet.csrf') ?? crypto.randomUUID()));
}

/** Books a ride from one place of the list to another. Each test has its own pickup. */
export async function book(page: Page, from: string, to: string, method = 'Card that works'): Promise<void> {
  await page.getByRole('combobox', { name: 'Pickup' }).selectOption(from);
  await page.getByRole('combobox', { name: 'Dropoff' }).selectOption(to);
  await page.getByLabel('Pay with').selectOption(method);
  await press(page, 'Book the ride');
  await stateOf(page, 'requested');
}

/** Moves a raider next to the pickup of a test, where no rides of other tests are listed. */
export async function stand(page: Page, at: string): Promise<void> {
  await page.getByLabel('Within').selectOption('1 km');
  await page.getByRole('combobox', { name: 'Your position' }).selectOption(at);
}

/** The button that accepts a ride. */
export const acceptButton = (page: Page, from: string, to: string) =>
  page.getByRole('button', { name: `Accept the ride ${from} → ${to}` });

/** Waits for the state of the ride. */
export const stateOf = (page: Page, text: string) => page.locator('#ride-state', { hasText: text }).waitFor();

/** Waits for the sentence about the ride. */
export const sentence = (page: Page, text: string) => page.locator('#ride-text', { hasText: text }).waitFor();

/** Waits for a fact of the ride. */
export const fact = (page: Page, name: string, text: string) =>
  page.locator('.summary li').filter({ hasText: name }).filter({ hasText: text }).waitFor();

/** Presses a button. */
export const press = (page: Page, name: string) => page.getByRole('button', { name }).click();
