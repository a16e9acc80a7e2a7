import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from '#kit/door/pages.ts';

/** The pages of a folder of web/: a document at each path, and its other files below the folder's name. */
interface WebFolder {
  readonly folder: string;
  /** File name by path. */
  readonly documents: Readonly<Record<string, string>>;
}

const folders: readonly WebFolder[] = [
  // Links in mails lead here (services/notification/domain/templates).
  {
    folder: 'account',
    documents: { '/reset-password': 'reset-password.html', '/verify-email': 'verify-email.html' },
  },
  { folder: 'shared', documents: {} },
  { folder: 'shop', documents: { '/shop': 'index.html' } },
  { folder: 'ride', documents: { '/ride': 'index.html' } },
];

/** Other files in web/ are not served. */
const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Allows scripts, styles and calls of the page's own origin only. Forms are sent by script: without one, a browser
 * must not put a password into a URL. Trusted Types: no script may turn text into markup.
 */
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Reads the pages in web/. */
export async function webPages(): Promise<Page[]> {
  return (await Promise.all(folders.map(pagesOf))).flat();
}

async function pagesOf({ folder, documents }: WebFolder): Promise<Page[]> {
  const root = new URL(`../../web/${folder}/`, import.meta.url);
  const pageAt = async (at: string, name: string, cacheControl: string): Promise<Page> => ({
    path: at,
    contentType: contentTypes[path.extname(name)]!,
    body: await readFile(new URL(name, root)),
    csp,
    cacheControl,
  });
  const names = (await readdir(root, { recursive: true })).map((name) => name.replaceAll(path.sep, '/'));
  const files = names.filter((name) => /\.(?:css|js|svg)$/.test(name));
  return Promise.all([
    ...Object.entries(documents).map(([at, name]) => pageAt(at, name, 'no-store')),
    ...files.map((name) => pageAt(`/${folder}/${name}`, name, 'no-cache')),
  ]);
}
