import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { DescService, JsonObject } from '@bufbuild/protobuf';
import Fastify from 'fastify';
import { readFile } from 'node:fs/promises';
import { cookieNames } from '#kit/browser/cookies.ts';
import { changesState } from '#kit/call/gate-check.ts';
import type { Page } from '#kit/door/pages.ts';
import { accessOf } from '#kit/guard/access.ts';
import type { DocumentedReasons } from '#kit/rest/openapi-errors.ts';
import { openApiOf } from '#kit/rest/openapi.ts';
import { apiGuide } from './api-guide.ts';
import type { EdgeConfig } from './config.ts';

/** What the document of an edge depends on, apart from the contract. */
export type ReferenceOptions = Pick<EdgeConfig, 'issuer' | 'csrf'> & { readonly isLimited: boolean };

/** Allows scripts, styles and calls of the page's own origin only. */
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/**
 * Creates `/openapi.json` and the pages of the API reference at `/docs`.
 * @throws Error if a binding does not match its messages, or a comment names an unknown reason
 */
export async function referencePages(services: readonly DescService[], options: ReferenceOptions): Promise<Page[]> {
  const document = await documentOf(services, options);
  return [
    {
      path: '/openapi.json',
      contentType: 'application/json; charset=utf-8',
      body: Buffer.from(JSON.stringify(document)),
    },
    // The page may call only the origin that served it, which may be another name of the edge.
    ...(await swaggerPages({ ...document, servers: [{ url: '/' }] })),
  ];
}

async function documentOf(
  services: readonly DescService[],
  { issuer, csrf, isLimited }: ReferenceOptions,
): Promise<JsonObject> {
  const cookie = cookieNames(issuer).access;
  const files = ['gen/comments.json', 'gen/reasons.json', 'package.json'].map((name) => readJson(`../../${name}`));
  const [comments, reasons, about] = await Promise.all(files);
  return openApiOf(services, {
    title: 'Signet',
    version: String(about?.['version']),
    description: apiGuide(cookie),
    licence: String(about?.['license']),
    // Absolute, because generated clients do not know where the document came from.
    servers: [issuer],
    browser: { cookie, csrf },
    isLimited,
    refusals: (method) => [
      'SERVICE_UNAVAILABLE',
      ...(isLimited ? ['RATE_LIMITED'] : []),
      ...(changesState(method) ? ['CROSS_ORIGIN'] : []),
      ...(changesState(method) && accessOf(method) !== 'public' ? ['CSRF_REQUIRED'] : []),
    ],
    comments: comments as Record<string, string>,
    reasons: reasons as DocumentedReasons,
  });
}

/**
 * The Swagger UI pages of a document. The plugin would open a file per request, so
 * this reads the page and its resources once.
 */
async function swaggerPages(document: unknown): Promise<Page[]> {
  const sample = Fastify();
  await sample.register(swagger, { mode: 'static', specification: { document: document as never } });
  await sample.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { layout: 'BaseLayout', deepLinking: true },
    theme: { title: 'Signet API' },
  });
  const pageAt = async (path: string): Promise<Page> => {
    const { statusCode, headers, rawPayload: body } = await sample.inject(path);
    if (statusCode !== 200) throw new Error(`Swagger UI has no ${path}`);
    return { path, contentType: String(headers['content-type']), body, csp };
  };
  const index = await pageAt('/docs');
  const named = [...index.body.toString().matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, path]) => path!);
  // The scripts fetch the document from this path.
  const others = await Promise.all([...named, '/docs/json'].map(pageAt));
  await sample.close();
  return [index, ...others];
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as Record<string, unknown>;
}
