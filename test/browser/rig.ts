import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Environment } from '#kit/config/config.ts';
import { findProgram } from '#kit/testing/programs.ts';
import type { ServiceName } from '../../services/registry.ts';
import { openSystem, type Person, type System } from '../system.ts';
import { openSite, type Site } from './site.ts';

/** The browser; Debian: chromium. */
export const chromiumProgram = findProgram('chromium', 'chromium-browser', 'google-chrome');

/**
 * A browser, a site with the edge behind it, and a second server for attackers. Sites are host names below
 * `.localhost`: the edge is on `shop.localhost`. The same host on the other port and `evil.shop.localhost` are
 * same-site but cross-origin. `evil.localhost` and `127.0.0.1` are cross-site.
 */
export interface Rig {
  readonly system: System;
  /** The origin of the edge. */
  readonly edgeOrigin: string;
  /** An origin of the attacker's server, on the given host. */
  attackerOrigin(host: string): string;
  readonly site: Site;
  readonly attacker: Site;
  /** A new browser profile without cookies. */
  profile(): Promise<Profile>;
  close(): Promise<void>;
}

/** A browser profile. */
export interface Profile {
  readonly context: BrowserContext;
  /** Opens a page and waits until it has loaded. */
  open(url: string): Promise<Page>;
  /** Opens a page of the edge's site. */
  home(): Promise<Page>;
  /** Registers a user and signs them in by cookie on a page of the edge's site. */
  signIn(page: Page): Promise<SignedIn>;
}

/** A user signed in by cookie. */
export interface SignedIn extends Person {
  /** CSRF token of the session in the browser. */
  readonly csrf: string;
}

/** A response as a script of the page sees it; `failed` when the browser blocks it. */
export interface Fetched {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly failed: boolean;
}

const edgeHost = 'shop.localhost';

/** Opens the rig; `environment` may use the origins. Default services: those of `openSystem`. */
export async function openRig(
  environment: (edgeOrigin: string, attackerOrigin: Rig['attackerOrigin']) => Environment = () => ({}),
  { tls = false, services }: { readonly tls?: boolean; readonly services?: readonly ServiceName[] } = {},
): Promise<Rig> {
  const [site, attacker, browser] = await Promise.all([openSite({ tls }), openSite({ tls }), launch()]);
  const scheme = tls ? 'https' : 'http';
  const edgeOrigin = `${scheme}://${edgeHost}:${site.port}`;
  const attackerOrigin = (host: string) => `${scheme}://${host}:${attacker.port}`;
  const system = await openSystem({
    env: { SIGNET_ISSUER: edgeOrigin, ...environment(edgeOrigin, attackerOrigin) },
    ...(services ? { services } : {}),
  });
  site.proxyTo(system.edge);
  site.page('/home', 'home');
  return {
    system,
    edgeOrigin,
    attackerOrigin,
    site,
    attacker,
    profile: () => openProfile(browser, system, edgeOrigin),
    async close() {
      await browser.close();
      await Promise.all([site.close(), attacker.close()]);
      await system.close();
    },
  };
}

function launch(): Promise<Browser> {
  // Playwright creates an empty profile and deletes it. Only loopback is reachable.
  return chromium.launch({
    executablePath: chromiumProgram.path ?? '',
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-proxy-server',
      '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
    ],
  });
}

async function openProfile(browser: Browser, system: System, edgeOrigin: string): Promise<Profile> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  // Ends what hangs. It is long, so that a loaded machine passes.
  context.setDefaultTimeout(60_000);
  const open = async (url: string) => {
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
  return {
    context,
    open,
    home: () => open(`${edgeOrigin}/home`),
    async signIn(page) {
      const person = await system.person();
      const csrf = await signInAs(page, edgeOrigin, person);
      return { ...person, csrf: system.secret(csrf) };
    },
  };
}

/** Signs in by cookie from a page. Returns the CSRF token. */
export async function signInAs(page: Page, edgeOrigin: string, { email, password }: Person): Promise<string> {
  const body = JSON.stringify({ email, password, transport: 'cookie' });
  const login = await fetchFrom(page, `${edgeOrigin}/api/v1/auth/login`, { method: 'POST', body, headers: jsonType });
  expect(login.status, login.text).toBe(200);
  return (JSON.parse(login.text) as { csrf_token: string }).csrf_token;
}

/**
 * What a page does wrong from now on: errors and warnings on its console, among them violations of its policy, and
 * requests that fail or leave the edge. Error responses of calls are not among them.
 */
export function faultsOf(page: Page, edgeOrigin: string): readonly string[] {
  const faults: string[] = [];
  page.on('console', (message) => {
    const isRefusal = message.text().startsWith('Failed to load resource: the server responded with a status of');
    if ((message.type() === 'error' || message.type() === 'warning') && !isRefusal) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    const isLocal = /^(?:data|blob):/.test(request.url());
    if (!isLocal && new URL(request.url()).origin !== edgeOrigin) faults.push(request.url());
  });
  return faults;
}

/** Content-Type of a JSON body. */
export const jsonType = { 'content-type': 'application/json' };

/** Options of a fetch by a script. */
export interface FetchOptions {
  readonly method?: string;
  readonly mode?: 'cors' | 'no-cors';
  readonly credentials?: 'include' | 'omit';
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** Calls fetch from a script of the page, with credentials by default. */
export function fetchFrom(page: Page, url: string, init: FetchOptions = {}): Promise<Fetched> {
  return page.evaluate(
    async ([address, options]) => {
      try {
        const answer = await fetch(address, { credentials: 'include', ...options });
        return { status: answer.status, type: answer.type, text: await answer.text(), failed: false };
      } catch {
        return { status: 0, type: '', text: '', failed: true };
      }
    },
    [url, init] as const,
  );
}
