import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { DescService } from '@bufbuild/protobuf';
import type { FastifyInstance } from 'fastify';
import { readFile } from 'node:fs/promises';
import { openApiOf } from '#kit/rest/openapi.ts';

/** Adds what people read: `/openapi.json`, the reference that draws it at `/docs`, and a way there from `/`. */
export async function addPages(fastify: FastifyInstance, services: readonly DescService[]): Promise<void> {
  const [comments, about] = await Promise.all([readJson('../../gen/comments.json'), readJson('../../package.json')]);
  const document = openApiOf(services, {
    title: 'Signet',
    version: String(about['version']),
    // Wherever the document was read from.
    servers: ['/'],
    comments: comments as Record<string, string>,
  });
  const text = JSON.stringify(document);
  fastify.get('/openapi.json', (_, reply) => reply.type('application/json; charset=utf-8').send(text));
  fastify.get('/', (_, reply) => reply.redirect('/docs'));
  await fastify.register(async (scope) => {
    await scope.register(swagger, { mode: 'static', specification: { document: document as never } });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: { layout: 'BaseLayout', deepLinking: true },
      theme: { title: 'Signet API' },
      // The page's own scripts and styles, and calls to this very origin; nothing from anywhere else.
      staticCSP:
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    });
  });
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as Record<string, unknown>;
}
