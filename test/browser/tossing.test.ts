import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import type { Person } from '../system.ts';
import { chromiumProgram, fetchFrom, openRig, type Profile, type Rig, signInAs } from './rig.ts';
import { openssl } from '#kit/testing/authority.ts';

/** The email of the user that a page is signed in as, or `nobody`. */
async function whoIs(rig: Rig, profile: Profile): Promise<string> {
  const page = await profile.home();
  const { status, text } = await fetchFrom(page, `${rig.edgeOrigin}/api/v1/users/profile`);
  await page.close();
  expect([200, 401]).toContain(status);
  return status === 200 ? JSON.parse(text).email : 'nobody';
}

/** Sets cookies from another host of the same site. */
async function toss(rig: Rig, profile: Profile, cookies: string[]): Promise<void> {
  rig.attacker.page('/toss', 'a toss', { 'set-cookie': cookies });
  await (await profile.open(`${rig.attackerOrigin('evil.shop.localhost')}/toss`)).close();
}

describeWith([chromiumProgram], 'cookies planted by another host of the site, in Chromium', () => {
  let rig: Rig;
  let attacker: Person;
  let victim: Person;
  beforeAll(async () => {
    rig = await openRig();
    attacker = await rig.system.person();
    victim = await rig.system.person();
  });
  afterAll(() => rig.close());

  const scopes = [
    ['for the whole site', 'Domain=shop.localhost; Path=/'],
    ['for the whole site and a longer path, which browsers send first', 'Domain=shop.localhost; Path=/api'],
  ] as const;
  const tossed = (scope: string) => [
    `signet_at=${attacker.access}; ${scope}`,
    `signet_rt=${attacker.refresh}; ${scope}; HttpOnly`,
  ];

  test.each(scopes)('%s, before the sign-in: the user is not signed in as the attacker', async (_, scope) => {
    const profile = await rig.profile();
    await toss(rig, profile, tossed(scope));
    // Without __Host-, a single planted cookie is indistinguishable from the cookie of Signet.
    expect(await whoIs(rig, profile)).toBe(attacker.email);
    await signInAs(await profile.home(), rig.edgeOrigin, victim);
    expect(await whoIs(rig, profile)).toBe('nobody');
  });

  test.each(scopes)('%s, after the sign-in: neither cookie is used, and the session survives', async (_, scope) => {
    const profile = await rig.profile();
    const page = await profile.home();
    const csrf = await signInAs(page, rig.edgeOrigin, victim);
    await toss(rig, profile, tossed(scope));
    expect((await profile.context.cookies(`${rig.edgeOrigin}/api/v1`)).map(({ name }) => name).toSorted()).toEqual([
      'signet_at',
      'signet_at',
      'signet_device',
      'signet_rt',
      'signet_rt',
    ]);
    expect(await whoIs(rig, profile)).toBe('nobody');
    for (const token of [csrf, attacker.csrf]) {
      const options = { method: 'POST', headers: { 'x-csrf-token': token } };
      expect((await fetchFrom(page, `${rig.edgeOrigin}/api/v1/auth/refresh`, options)).status).toBe(401);
    }
    await toss(rig, profile, tossed(`${scope}; Max-Age=0`));
    expect(await whoIs(rig, profile)).toBe(victim.email);
    const refreshed = await fetchFrom(page, `${rig.edgeOrigin}/api/v1/auth/refresh`, {
      method: 'POST',
      headers: { 'x-csrf-token': csrf },
    });
    expect(refreshed.status).toBe(200);
  });
});

describeWith([chromiumProgram, openssl], 'cookies planted by another host of the site over TLS, in Chromium', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await openRig(undefined, { tls: true });
  });
  afterAll(() => rig.close());

  test('are rejected under the __Host- names and ignored under other names', async () => {
    const attacker = await rig.system.person();
    const victim = await rig.system.person();
    const profile = await rig.profile();
    const values = { access: attacker.access, refresh: attacker.refresh };
    const pairs = (prefix: string) => [`${prefix}signet_at=${values.access}`, `${prefix}signet_rt=${values.refresh}`];
    const scopes = ['Domain=shop.localhost; Path=/; Secure', 'Domain=shop.localhost; Path=/api; Secure'];
    const prefixes = ['__Host-', '__host-', '=__Host-', '\u2000__Host-', ' __Host-', ''];
    const cookies = prefixes.flatMap((prefix) =>
      scopes.flatMap((scope) => pairs(prefix).map((pair) => `${pair}; ${scope}`)),
    );
    const plant = async () => {
      await toss(
        rig,
        profile,
        cookies.filter((cookie) => !cookie.includes('\u2000')),
      );
      // Scripts can write cookies that a header cannot carry.
      const page = await profile.open(`${rig.attackerOrigin('evil.shop.localhost')}/toss`);
      await page.evaluate((all) => {
        for (const cookie of all) document.cookie = cookie;
      }, cookies);
      await page.close();
    };
    await plant();
    const kept = (await profile.context.cookies(`${rig.edgeOrigin}/api/v1`)).map(({ name }) => name);
    expect(kept).not.toContain('__Host-signet_at');
    expect(kept).not.toContain('__Host-signet_rt');
    // The others did arrive.
    expect(kept).toContain('signet_at');
    expect(await whoIs(rig, profile)).toBe('nobody');

    const csrf = await signInAs(await profile.home(), rig.edgeOrigin, victim);
    expect(await whoIs(rig, profile)).toBe(victim.email);
    await plant();
    expect(await whoIs(rig, profile)).toBe(victim.email);
    const options = { method: 'POST', headers: { 'x-csrf-token': csrf } };
    expect((await fetchFrom(await profile.home(), `${rig.edgeOrigin}/api/v1/auth/refresh`, options)).status).toBe(200);
  });
});
