import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import {
  acceptButton,
  book,
  fact,
  keepSecrets,
  openRaider,
  openUser,
  press,
  sentence,
  stand,
  stateOf,
} from './ride-page.ts';
import { chromiumProgram, openRig, type Rig } from './rig.ts';

/** Ends what hangs. It is long, so that a loaded machine passes. */
const soon = { timeout: 60_000 };

describeWith([chromiumProgram], 'the bike taxi in Chromium', () => {
  let rig: Rig;
  beforeAll(async () => {
    // Access tokens expire during each test, so that pages and streams have to refresh their session.
    rig = await openRig(() => ({ SIGNET_ACCESS_TTL: '10s' }), { services: ['user', 'ride'] });
  });
  afterAll(() => rig.close());

  test('a user books in one browser, a raider accepts in another, and both follow the ride to its payment', async () => {
    const [user, raider] = [await openUser(rig), await openRaider(rig)];
    await user.page.getByRole('combobox', { name: 'Pickup' }).selectOption('Hauptbahnhof');
    // A click on the map sets what is missing.
    await user.page.locator('circle.place', { hasText: 'Alexanderplatz' }).click();
    await user.page.getByText('3 km as the crow flies').waitFor();
    await press(user.page, 'Book the ride');
    await sentence(user.page, 'Waiting for a raider to accept.');
    await fact(user.page, 'Estimated fare', '€3.59');

    await acceptButton(raider.page, 'Hauptbahnhof', 'Alexanderplatz').click();
    await sentence(raider.page, 'The ride is yours.');
    await sentence(user.page, 'A raider is on the way to you.');

    await press(raider.page, 'Start the ride');
    await stateOf(user.page, 'started');
    expect(await user.page.getByRole('button', { name: /Start|Complete|Drive/ }).count()).toBe(0);
    // A click on the map moves the raider, in both browsers.
    const way = (await raider.page.locator('.way').boundingBox())!;
    await raider.page.mouse.click(way.x + way.width * 0.8, way.y + way.height * 0.8);
    const left = user.page.locator('#ride-left');
    await expect.poll(() => left.innerText(), soon).toMatch(/^[56]\d0 m to go$/);
    const bike = user.page.locator('.raider');
    const before = await bike.getAttribute('style');
    // The drive ends at the dropoff by itself.
    await press(raider.page, 'Drive to the dropoff');
    await press(raider.page, 'Stop here');
    await press(raider.page, 'Drive to the dropoff');
    await expect.poll(() => left.innerText(), soon).toBe('0 m to go');
    expect(await bike.getAttribute('style')).not.toBe(before);
    await expect.poll(() => raider.page.getByRole('button', { name: 'Stop here' }).count(), soon).toBe(0);

    await press(raider.page, 'Complete the ride');
    for (const { page, faults } of [user, raider]) {
      await stateOf(page, 'completed');
      await fact(page, 'Fare', '€3.59');
      await fact(page, 'Payment', 'Paid');
      await page.getByRole('link', { name: 'Back to all rides' }).click();
      await page.locator('.rides li', { hasText: 'completed' }).waitFor();
      await keepSecrets(rig, page);
      expect(faults).toEqual([]);
    }
  });

  test('of two raiders one gets the ride, and the other one learns that it is taken', async () => {
    const [user, winner, loser] = [await openUser(rig), await openRaider(rig), await openRaider(rig)];
    await book(user.page, 'Zoologischer Garten', 'Potsdamer Platz');
    for (const { page } of [winner, loser]) await stand(page, 'Zoologischer Garten');
    const button = acceptButton(loser.page, 'Zoologischer Garten', 'Potsdamer Platz');
    await button.waitFor();
    // The list of the slower raider stays as it is until they press the button.
    const [held, freed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await loser.page.route('**/rides:open?*', async (route) => {
      held.resolve();
      await freed.promise;
      await route.continue();
    });
    await held.promise;

    await acceptButton(winner.page, 'Zoologischer Garten', 'Potsdamer Platz').click();
    await sentence(winner.page, 'The ride is yours.');
    await button.click();
    await loser.page.locator('.toast', { hasText: 'Another raider was faster.' }).waitFor();
    freed.resolve();
    await button.waitFor({ state: 'detached' });
    await loser.page.getByText('None at the moment.').waitFor();
    for (const { page, faults } of [user, winner, loser]) {
      await keepSecrets(rig, page);
      expect(faults).toEqual([]);
    }
  });

  test('a ride is followed after the access token of the stream has expired', async () => {
    const [user, raider] = [await openUser(rig), await openRaider(rig)];
    await book(user.page, 'Warschauer Straße', 'Treptower Park');
    await user.page.waitForResponse((response) => response.url().endsWith('/auth/refresh'));
    await stand(raider.page, 'Warschauer Straße');
    await acceptButton(raider.page, 'Warschauer Straße', 'Treptower Park').click();
    await stateOf(user.page, 'accepted');
    for (const { page, faults } of [user, raider]) {
      await keepSecrets(rig, page);
      expect(faults).toEqual([]);
    }
  });

  describe('a cancellation', () => {
    test('by the raider reaches the user with its reason, which is no markup', async () => {
      const [user, raider] = [await openUser(rig), await openRaider(rig)];
      await book(user.page, 'Mauerpark', 'Gesundbrunnen');
      await stand(raider.page, 'Mauerpark');
      await acceptButton(raider.page, 'Mauerpark', 'Gesundbrunnen').click();
      await stateOf(user.page, 'accepted');
      await raider.page.getByLabel('Reason').fill('A flat <b>tyre</b>');
      await press(raider.page, 'Cancel the ride');
      await sentence(raider.page, 'You cancelled the ride: “A flat <b>tyre</b>”');
      await sentence(user.page, 'The raider cancelled the ride: “A flat <b>tyre</b>”');
      for (const { page, faults } of [user, raider]) {
        await stateOf(page, 'cancelled');
        expect(await page.getByRole('button', { name: 'Cancel the ride' }).count()).toBe(0);
        await keepSecrets(rig, page);
        expect(faults).toEqual([]);
      }
    });

    test('by the user, without a reason, reaches the raider', async () => {
      const [user, raider] = [await openUser(rig), await openRaider(rig)];
      await book(user.page, 'Mauerpark', 'Alexanderplatz');
      await stand(raider.page, 'Mauerpark');
      await acceptButton(raider.page, 'Mauerpark', 'Alexanderplatz').click();
      await stateOf(user.page, 'accepted');
      await press(user.page, 'Cancel the ride');
      await sentence(raider.page, 'The user cancelled the ride.');
      expect(await raider.page.getByRole('button', { name: 'Start the ride' }).count()).toBe(0);
      for (const { page, faults } of [user, raider]) {
        await keepSecrets(rig, page);
        expect(faults).toEqual([]);
      }
    });
  });

  test('a declined payment is shown to both', async () => {
    const [user, raider] = [await openUser(rig), await openRaider(rig)];
    await book(user.page, 'Treptower Park', 'Ostbahnhof', 'Card that is declined');
    await stand(raider.page, 'Treptower Park');
    await acceptButton(raider.page, 'Treptower Park', 'Ostbahnhof').click();
    await press(raider.page, 'Start the ride');
    await press(raider.page, 'Complete the ride');
    for (const { page, faults } of [user, raider]) {
      await stateOf(page, 'completed');
      await fact(page, 'Payment', 'Declined; it is tried again later');
      await keepSecrets(rig, page);
      expect(faults).toEqual([]);
    }
  });

  // For README.md: RIDE_PICTURE=docs/images/ride.png npx vitest run --project browser test/browser/ride.test.ts
  test.runIf(process.env['RIDE_PICTURE'])('takes the picture of README.md', async () => {
    const size = { width: 640, height: 1110 };
    const [user, raider] = [await openUser(rig), await openRaider(rig)];
    for (const { page } of [user, raider]) await page.setViewportSize(size);
    await book(user.page, 'Zoologischer Garten', 'Alexanderplatz');
    await stand(raider.page, 'Zoologischer Garten');
    await acceptButton(raider.page, 'Zoologischer Garten', 'Alexanderplatz').click();
    await press(raider.page, 'Start the ride');
    await press(raider.page, 'Drive to the dropoff');
    await expect.poll(() => user.page.locator('#ride-left').innerText(), soon).toMatch(/^2\.[0-5] km/);
    await press(raider.page, 'Stop here');
    // The marker moves for a second.
    for (const { page } of [user, raider])
      await page
        .locator('.raider')
        .evaluate((bike) => Promise.all(bike.getAnimations().map(({ finished }) => finished)));
    const shots = await Promise.all([user, raider].map(({ page }) => page.screenshot()));
    const images = shots.map((shot) => `<img src="data:image/png;base64,${shot.toString('base64')}">`);
    const style = 'body{display:flex;gap:20px;margin:20px;background:#d8d4cb}img{border-radius:12px}';
    rig.site.page('/both', `<style>${style}</style>${images.join('')}`);
    const both = await (await rig.profile()).open(`${rig.edgeOrigin}/both`);
    await both.setViewportSize({ width: size.width * 2 + 60, height: size.height + 40 });
    await both.screenshot({ path: process.env['RIDE_PICTURE']! });
  });
});
