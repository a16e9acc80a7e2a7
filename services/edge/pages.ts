import type { DescService } from '@bufbuild/protobuf';
import type { HttpRoute } from '#kit/door/http-route.ts';
import { pageRoutes, pagesOnRequest } from '#kit/door/pages.ts';
import type { ReferenceOptions } from './reference.ts';
import { webPages } from './web.ts';

/** The edge's pages: `/openapi.json`, the API reference at `/docs`, the pages in web/, and redirects to these. */
export async function edgePages(services: readonly DescService[], options: ReferenceOptions): Promise<HttpRoute[]> {
  const redirects = Object.entries({ '/': '/docs', '/docs/': '/docs', '/shop/': '/shop', '/ride/': '/ride' }).map(
    ([path, to]): HttpRoute => ({
      methods: ['GET'],
      path,
      access: 'public',
      rate: 'light',
      answer: (_, reply) => reply.redirect(to),
    }),
  );
  // On request, and imported then: they would take a tenth of the start.
  const reference = pagesOnRequest(['/openapi.json', '/docs', '/docs/*'], async () => {
    const { referencePages } = await import('./reference.ts');
    return referencePages(services, options);
  });
  return [...redirects, ...reference, ...pageRoutes(await webPages())];
}
