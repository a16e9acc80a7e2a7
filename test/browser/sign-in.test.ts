import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { chromiumProgram, fetchFrom, jsonType, openRig, type Rig, signInAs } from './rig.ts';
import { openssl } from '#kit/testing/authority.ts';

const kinds = [
  { scheme: 'http', tls: false, access: 'signet_at', refresh: 'signet_rt', device: 'signet_device' },
  {
    scheme: 'https',
    tls: true,
    access: '__Host-signet_at',
    refresh: '__Host-signet_rt',
    device: '__Host-signet_device',
  },
] as const;

for (const { scheme, tls, access, refresh, device } of kinds) {
  const programs = tls ? [chromiumProgram, openssl] : [chromiumProgram];
  describeWith(programs, `signing in by cookie in Chromium, over ${scheme}`, () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await openRig(undefined, { tls });
    });
    afterAll(() => rig.close());
    const profileUrl = () => `${rig.edgeOrigin}/api/v1/users/profile`;

    test(`keeps ${access} and ${refresh} for this host, inaccessible to scripts and other sites`, async () => {
      const { context, home, signIn } = await rig.profile();
      const page = await home();
      const person = await signIn(page);
      const kept = await context.cookies();
      expect(kept.map(({ name }) => name).toSorted()).toEqual([access, device, refresh]);
      for (const cookie of kept) {
        rig.system.secret(cookie.value);
        expect(cookie).toMatchObject({
          domain: 'shop.localhost',
          path: '/',
          httpOnly: true,
          secure: tls,
          sameSite: cookie.name === device ? 'Lax' : 'Strict',
        });
      }
      expect(await page.evaluate(() => document.cookie)).toBe('');
      expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
      const read = await fetchFrom(page, profileUrl());
      expect([read.status, JSON.parse(read.text).email]).toEqual([200, person.email]);
    });

    test('lets a page write with the CSRF token of its session only', async () => {
      const { home, signIn } = await rig.profile();
      const page = await home();
      const { csrf } = await signIn(page);
      const stranger = await rig.profile();
      const other = await stranger.signIn(await stranger.home());
      const change = async (headers: Record<string, string>) => {
        const body = JSON.stringify({ bio: 'x' });
        const { status } = await fetchFrom(page, profileUrl(), {
          method: 'PATCH',
          body,
          headers: { ...jsonType, ...headers },
        });
        return status;
      };
      expect(await change({})).toBe(403);
      expect(await change({ 'x-csrf-token': 'A'.repeat(43) })).toBe(403);
      expect(await change({ 'x-csrf-token': other.csrf })).toBe(403);
      expect(await change({ 'x-csrf-token': csrf })).toBe(200);
    });

    test('refreshes and signs out: the cookies are deleted and their tokens no longer work', async () => {
      const { context, home, signIn } = await rig.profile();
      const page = await home();
      const { csrf } = await signIn(page);
      const post = (path: string) =>
        fetchFrom(page, `${rig.edgeOrigin}/api/v1/auth/${path}`, { method: 'POST', headers: { 'x-csrf-token': csrf } });
      const first = await context.cookies();
      expect((await post('refresh')).status).toBe(200);
      const second = await context.cookies();
      const valuesOf = (cookies: typeof first, name: string) => cookies.find((one) => one.name === name)?.value;
      for (const name of [access, refresh]) expect(valuesOf(second, name)).not.toBe(valuesOf(first, name));
      expect(valuesOf(second, device)).toBe(valuesOf(first, device));
      expect((await post('logout')).status).toBe(200);
      expect(
        (await context.cookies()).map(({ name }) => name),
        'the device cookie remains',
      ).toEqual([device]);
      expect((await fetchFrom(page, profileUrl())).status).toBe(401);
      // A copy of the cookies remains.
      await context.addCookies(second);
      await expect.poll(async () => (await fetchFrom(page, profileUrl())).status).toBe(401);
      expect((await post('refresh')).status).toBe(401);
    });

    test('creates a new session even when another user is signed in', async () => {
      const { context, home } = await rig.profile();
      const attackers = await rig.profile();
      const attackerPage = await attackers.home();
      const attacker = await attackers.signIn(attackerPage);
      // An attacker with brief access to the machine leaves their own session.
      await context.addCookies(await attackers.context.cookies());
      const page = await home();
      expect(JSON.parse((await fetchFrom(page, profileUrl())).text).email).toBe(attacker.email);
      const victim = await rig.system.person();
      const csrf = await signInAs(page, rig.edgeOrigin, victim);
      expect(csrf).not.toBe(attacker.csrf);
      expect(JSON.parse((await fetchFrom(page, profileUrl())).text).email).toBe(victim.email);
      const attackerValues = new Set((await attackers.context.cookies()).map(({ value }) => value));
      for (const { value } of await context.cookies()) expect(attackerValues.has(value)).toBe(false);
      expect(JSON.parse((await fetchFrom(attackerPage, profileUrl())).text).email).toBe(attacker.email);
    });
  });
}
