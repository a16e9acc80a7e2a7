import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import type { Page } from 'playwright-core';
import { chromiumProgram, fetchFrom, jsonType, openRig, type Profile, type Rig, type SignedIn } from './rig.ts';

describeWith([chromiumProgram], 'pages of other origins in Chromium', () => {
  let rig: Rig;
  let profile: Profile;
  let person: SignedIn;
  beforeAll(async () => {
    rig = await openRig((_, attackerOrigin) => ({
      SIGNET_CORS_ORIGINS: [attackerOrigin('app.shop.localhost'), attackerOrigin('app.localhost')].join(),
    }));
    for (const site of [rig.attacker, rig.site]) site.page('/page', 'a page');
    rig.attacker.page('/sandbox', '<iframe sandbox="allow-scripts" srcdoc="a page without an origin"></iframe>');
    profile = await rig.profile();
    person = await profile.signIn(await profile.home());
  });
  afterAll(() => rig.close());

  const read = (page: Page, headers: Record<string, string> = {}) =>
    fetchFrom(page, `${rig.edgeOrigin}/api/v1/users/profile`, { headers });
  const change = (page: Page, headers: Record<string, string>) =>
    fetchFrom(page, `${rig.edgeOrigin}/api/v1/users/profile`, {
      method: 'PATCH',
      body: '{"bio":"x"}',
      headers: { ...jsonType, ...headers },
    });

  test('a listed origin of the same site reads with cookies and writes with the CSRF token', async () => {
    const page = await profile.open(`${rig.attackerOrigin('app.shop.localhost')}/page`);
    expect(JSON.parse((await read(page)).text).email).toBe(person.email);
    expect((await change(page, {})).status).toBe(403);
    expect((await change(page, { 'x-csrf-token': person.csrf })).status).toBe(200);
    const exposed = await page.evaluate(async (url) => {
      const { headers } = await fetch(url, { credentials: 'include' });
      return [headers.get('x-request-id'), headers.get('www-authenticate')];
    }, `${rig.edgeOrigin}/api/v1/admin/users`);
    expect(exposed).toEqual([expect.any(String), expect.stringContaining('insufficient_scope')]);
  });

  test('a listed origin of another site uses a token, because the browser sends it no cookies', async () => {
    const page = await profile.open(`${rig.attackerOrigin('app.localhost')}/page`);
    expect((await read(page)).status).toBe(401);
    const authorization = `Bearer ${person.access}`;
    expect(JSON.parse((await read(page, { authorization })).text).email).toBe(person.email);
    expect((await change(page, { authorization })).status).toBe(200);
  });

  test.each([
    ['an unlisted host of the same site', () => `${rig.attackerOrigin('evil.shop.localhost')}/page`],
    ['a subdomain of a listed host', () => `${rig.attackerOrigin('sub.app.shop.localhost')}/page`],
    ['a host that starts with a listed host', () => `${rig.attackerOrigin('app.shop.localhost.evil.localhost')}/page`],
    ['a host that ends with a listed host', () => `${rig.attackerOrigin('evilapp.localhost')}/page`],
    ['a listed host on another port', () => `http://app.shop.localhost:${rig.site.port}/page`],
    ['the host of the edge on another port', () => `${rig.attackerOrigin('shop.localhost')}/page`],
    ['an IP address', () => `${rig.attackerOrigin('127.0.0.1')}/page`],
    ['localhost', () => `${rig.attackerOrigin('localhost')}/page`],
  ])('%s cannot read or write', async (_, url) => {
    const page = await profile.open(url());
    const withToken = { authorization: `Bearer ${person.access}`, 'x-csrf-token': person.csrf };
    for (const headers of [{}, withToken]) {
      expect((await read(page, headers)).failed).toBe(true);
      expect((await change(page, headers)).failed).toBe(true);
    }
    await page.close();
  });

  test('a page with an opaque origin cannot read or write', async () => {
    const page = await profile.open(`${rig.attackerOrigin('app.shop.localhost')}/sandbox`);
    const frame = page.frames().at(-1);
    const outcome = await frame?.evaluate(async (url) => {
      const failed = (options: RequestInit) =>
        fetch(url, { credentials: 'include', ...options }).then(
          () => false,
          () => true,
        );
      return [
        origin,
        await failed({}),
        await failed({ method: 'PATCH', body: '{}', headers: { 'content-type': 'application/json' } }),
      ];
    }, `${rig.edgeOrigin}/api/v1/users/profile`);
    expect(outcome).toEqual(['null', true, true]);
  });
});

describeWith([chromiumProgram], 'SIGNET_CSRF=always in Chromium', () => {
  test('requires the CSRF token of a page that sends an Authorization header, too', async () => {
    const rig = await openRig(() => ({ SIGNET_CSRF: 'always' }));
    const { home } = await rig.profile();
    const page = await home();
    const { access, csrf } = await rig.system.person();
    const change = async (headers: Record<string, string>) => {
      const all = { ...jsonType, authorization: `Bearer ${access}`, ...headers };
      return (
        await fetchFrom(page, `${rig.edgeOrigin}/api/v1/users/profile`, {
          method: 'PATCH',
          body: '{"bio":"x"}',
          headers: all,
        })
      ).status;
    };
    expect(await change({})).toBe(403);
    expect(await change({ 'x-csrf-token': csrf })).toBe(200);
    await rig.close();
  });
});
