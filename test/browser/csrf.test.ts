import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { chromiumProgram, fetchFrom, jsonType, openRig, type Profile, type Rig, type SignedIn } from './rig.ts';

/** CROSS_ORIGIN, an unsupported method, an unsupported content type. */
const refusals = [403, 405, 415];

/** The target of an attack: a path and a body that would change something. */
interface Aim {
  readonly path: string;
  readonly body: string;
}

describeWith([chromiumProgram], 'cross-origin pages in Chromium', () => {
  let rig: Rig;
  let aims: readonly Aim[];
  beforeAll(async () => {
    rig = await openRig();
    rig.attacker.page('/attack', 'an attack');
    const { email, password } = await rig.system.person();
    aims = [
      { path: '/signet.user.v1.UserService/UpdateProfile', body: '{"bio":"changed"}' },
      { path: '/api/v1/auth/logout', body: '' },
      { path: '/api/v1/auth/refresh', body: '' },
      { path: '/api/v1/auth/sessions:revokeOthers', body: '' },
      { path: '/api/v1/auth/login', body: JSON.stringify({ email, password, transport: 'cookie' }) },
    ];
  });
  afterAll(() => rig.close());

  /** All state that an attack could change: the account, its sessions, and the cookies in the browser. */
  async function stateOf({ access }: SignedIn, { context }: Profile) {
    const [account, sessions] = await Promise.all(
      ['/users/profile', '/auth/sessions'].map((path) => rig.system.rest('GET', path, { token: access })),
    );
    expect([account?.status, sessions?.status]).toEqual([200, 200]);
    return { account: account?.json, sessions: sessions?.json, cookies: await context.cookies() };
  }

  /** A signed-in user whose browser shows a page of the attacker. */
  async function visited(host: string) {
    const profile = await rig.profile();
    const person = await profile.signIn(await profile.home());
    const before = await stateOf(person, profile);
    const page = await profile.open(`${rig.attackerOrigin(host)}/attack`);
    const known = rig.site.passed.length;
    return {
      page,
      /** Opens a page that navigates to the edge. Waits until the request has arrived. */
      async away(go: (from: Page) => Promise<void>) {
        const from = await profile.open(`${rig.attackerOrigin(host)}/attack`);
        const { length } = rig.site.passed;
        await go(from);
        await expect.poll(() => rig.site.passed.length).toBe(length + 1);
        await from.close();
      },
      /** Checks that nothing changed. Returns the requests that reached the edge since the visit. */
      async unchanged() {
        expect(await stateOf(person, profile)).toEqual(before);
        return rig.site.passed.slice(known);
      },
    };
  }

  const hosts = [
    ['another site', 'evil.localhost', false],
    ['an IP address', '127.0.0.1', false],
    ['another host of the same site', 'evil.shop.localhost', true],
    ['the host of the edge on another port', 'shop.localhost', true],
  ] as const;

  describe.each(hosts)('a page on %s', (_, host, isSameSite) => {
    test('cannot write by fetch, with any mode and content type', async () => {
      const { page, unchanged } = await visited(host);
      const simple = ['text/plain', 'application/x-www-form-urlencoded', undefined];
      for (const { path, body } of aims) {
        for (const mode of ['no-cors', 'cors'] as const)
          for (const type of simple) await post(page, rig.edgeOrigin + path, body, mode, type);
        const fetched = await fetchFrom(page, rig.edgeOrigin + path, { method: 'POST', body, headers: jsonType });
        expect(fetched.failed).toBe(true);
      }
      for (const method of ['PUT', 'PATCH', 'DELETE']) {
        const options = { method, body: '{"bio":"changed"}', headers: jsonType };
        expect((await fetchFrom(page, `${rig.edgeOrigin}/api/v1/users/profile`, options)).failed).toBe(true);
      }
      const came = await unchanged();
      expect(came.filter(({ method }) => method === 'POST')).toHaveLength(aims.length * 6);
      for (const { method, status, headers } of came) {
        expect(refusals).toContain(status);
        // The attack is real: the browser sends cookies with every same-site POST.
        expect(headers.cookie !== undefined).toBe(isSameSite && method === 'POST');
      }
    });

    test('cannot write by forms', async () => {
      const { away, unchanged } = await visited(host);
      const types = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];
      for (const { path, body } of aims)
        for (const type of types) await away((page) => submit(page, rig.edgeOrigin + path, type, body));
      const came = await unchanged();
      expect(came).toHaveLength(aims.length * types.length);
      for (const { method, status, headers } of came) {
        expect(method).toBe('POST');
        expect(refusals).toContain(status);
        expect(headers.cookie !== undefined).toBe(isSameSite);
      }
    });

    test('cannot write by links, images, scripts and beacons', async () => {
      const { page, away, unchanged } = await visited(host);
      const known = rig.site.passed.length;
      for (const { path, body } of aims) {
        const query = `?encoding=json&connect=v1&message=${encodeURIComponent(body || '{}')}&_method=POST`;
        const address = rig.edgeOrigin + path + query;
        await load(page, address);
        await away((from) => from.evaluate((to) => location.assign(to), address));
        expect(await beacon(page, rig.edgeOrigin + path, body)).toBe(true);
        await expect.poll(() => rig.site.passed.at(-1)?.method).toBe('POST');
      }
      // One image, script, link and beacon per target.
      expect(rig.site.passed).toHaveLength(known + aims.length * 4);
      for (const { status } of await unchanged()) expect(refusals).toContain(status);
    });

    test('cannot read', async () => {
      const { page, unchanged } = await visited(host);
      for (const path of ['/api/v1/users/profile', '/api/v1/auth/verify', '/openapi.json']) {
        expect((await fetchFrom(page, rig.edgeOrigin + path)).failed).toBe(true);
        const opaque = await fetchFrom(page, rig.edgeOrigin + path, { mode: 'no-cors' });
        expect(opaque.text).toBe('');
      }
      await unchanged();
    });
  });
});

/** A POST whose content type needs no preflight. A Blob without a type sends no Content-Type. */
async function post(page: Page, url: string, body: string, mode: RequestMode, type: string | undefined): Promise<void> {
  await page.evaluate(
    async ([address, text, how, kind]) => {
      const options = { method: 'POST', mode: how, credentials: 'include', body: new Blob([text]) } as const;
      // The test checks the effect, not whether the page may read the response.
      await fetch(address, kind === undefined ? options : { ...options, headers: { 'content-type': kind } }).catch(
        () => 0,
      );
    },
    [url, body, mode, type] as const,
  );
}

/** Sends a form. As text/plain its body is the text, with `=` in a harmless place. */
function submit(page: Page, url: string, type: string, body: string): Promise<void> {
  return page.evaluate(
    ([action, enctype, text]) => {
      const form = Object.assign(document.createElement('form'), { action, enctype, method: 'post' });
      const [name = '', value = ''] = text === '' ? [] : [`${text.slice(0, -1)},"x":"`, '"}'];
      if (name) form.append(Object.assign(document.createElement('input'), { name, value }));
      document.body.append(form);
      form.submit();
    },
    [url, type, body] as const,
  );
}

/** Loads a URL as an image and as a script, and waits until both end. */
function load(page: Page, url: string): Promise<void> {
  return page.evaluate(async (src) => {
    const image = Object.assign(new Image(), { src });
    const script = Object.assign(document.createElement('script'), { src });
    document.body.append(image, script);
    const ended = [image, script].map(
      (element) =>
        new Promise((resolve) => {
          element.addEventListener('load', resolve);
          element.addEventListener('error', resolve);
        }),
    );
    await Promise.all(ended);
  }, url);
}

function beacon(page: Page, url: string, body: string): Promise<boolean> {
  return page.evaluate(([address, text]) => navigator.sendBeacon(address, text), [url, body] as const);
}
