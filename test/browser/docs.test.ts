import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { chromiumProgram, openRig, type Rig } from './rig.ts';

describeWith([chromiumProgram], 'the pages of the edge in Chromium', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await openRig();
  });
  afterAll(() => rig.close());

  test('/docs lists every method and calls one, within its content security policy', async () => {
    const { context } = await rig.profile();
    const page = await context.newPage();
    const wrong: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') wrong.push(message.text());
    });
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('requestfailed', (request) => wrong.push(request.url()));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== rig.edgeOrigin)
        wrong.push(request.url());
    });
    await page.goto(`${rig.edgeOrigin}/`);
    expect(page.url()).toBe(`${rig.edgeOrigin}/docs`);
    const { json } = await rig.system.rest('GET', '//openapi.json');
    const methods = Object.values<object>(json.paths).flatMap((path) =>
      Object.keys(path).filter((key) => /^(get|post|put|patch|delete)$/.test(key)),
    );
    await expect.poll(() => page.locator('.opblock').count()).toBe(methods.length);

    const method = page.locator('.opblock', { hasText: '/api/v1/auth/public-key' });
    await method.locator('.opblock-summary-control').click();
    await method.getByRole('button', { name: 'Try it out' }).click();
    await method.getByRole('button', { name: 'Execute' }).click();
    await method.getByText('BEGIN PUBLIC KEY').first().waitFor();
    expect(wrong).toEqual([]);
  });

  test.each(['evil.localhost', 'evil.shop.localhost', 'shop.localhost'])(
    'a page on %s cannot frame the pages of the edge',
    async (host) => {
      const paths = ['/docs', '/', '/openapi.json', '/api/v1/auth/public-key', '/api/v1/users/profile', '/nowhere'];
      const frames = paths.map((path) => `<iframe src="${rig.edgeOrigin}${path}"></iframe>`);
      const others = ['<object data="', '<embed src="'].map((tag) => `${tag}${rig.edgeOrigin}/docs" type="text/html">`);
      rig.attacker.page('/frames', [...frames, ...others].join('\n'));
      const { open } = await rig.profile();
      const page = await open(`${rig.attackerOrigin(host)}/frames`);
      const shown = () =>
        page
          .frames()
          .slice(1)
          .map((frame) => frame.url());
      await expect
        .poll(() => shown().filter((url) => url !== '' && url !== 'about:blank').length)
        .toBeGreaterThanOrEqual(paths.length);
      for (const url of shown()) expect(['chrome-error://chromewebdata/', 'about:blank', '']).toContain(url);
      // A framed page would show its text here. A frame that its error page has replaced shows nothing.
      const contents = page
        .frames()
        .slice(1)
        .map(async (frame) => {
          try {
            return await frame.content();
          } catch (error) {
            if (frame.isDetached()) return '';
            throw error;
          }
        });
      expect((await Promise.all(contents)).join()).not.toMatch(/swagger|openapi|PUBLIC KEY|urn:signet/i);
    },
  );
});
