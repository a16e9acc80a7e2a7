import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { failure } from '#kit/errors/failure.ts';
import { isUnchanged } from '#kit/rest/answer.ts';
import type { HttpRoute } from './http-route.ts';

/** A file for browsers. */
export interface Page {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** Content-Security-Policy, instead of the default for data. */
  readonly csp?: string;
  /** Cache-Control. Default: no-cache. */
  readonly cacheControl?: string;
}

/** Minimum size of a compressed response, in bytes. */
const worthCompressing = 1_024;

/** Content codings in order of preference. */
const compress: Readonly<Record<string, (body: Buffer) => Promise<Buffer>>> = {
  // Level 5 of 11: within 2 % of the size of level 9, in a tenth of the time.
  br: (body) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: promisify(gzip),
};

/**
 * Returns the routes of pages. Pages are served from memory and compressed once per content coding, for the first
 * request that accepts it: a start would take longer otherwise. Requests open no files: an aborted one would leave its
 * file open.
 */
export function pageRoutes(pages: readonly Page[]): HttpRoute[] {
  return pages.map((page) => routeAt(page.path, answerWith(page)));
}

/**
 * Returns the routes of pages that the first request for one of them creates.
 * @param paths routes that match the paths of the pages; one may end in `*`
 * @param create is called again after it failed
 */
export function pagesOnRequest(paths: readonly string[], create: () => Promise<readonly Page[]>): HttpRoute[] {
  let created: Promise<ReadonlyMap<string, HttpRoute['answer']>> | undefined;
  const answers = async () => new Map((await create()).map((page) => [page.path, answerWith(page)]));
  const once = () =>
    (created ??= answers().catch((error: unknown) => {
      created = undefined;
      throw error;
    }));
  return paths.map((route) =>
    routeAt(route, async (request, reply, admitted) => {
      const { '*': rest = '' } = request.params as { readonly '*'?: string };
      const answer = (await once()).get(route.replace(/\*$/, () => rest));
      if (!answer) throw failure('NOT_FOUND');
      return answer(request, reply, admitted);
    }),
  );
}

function routeAt(path: string, answer: HttpRoute['answer']): HttpRoute {
  return { methods: ['GET'], path, access: 'public', rate: 'light', answer };
}

function answerWith({ contentType, body, csp, cacheControl = 'no-cache' }: Page): HttpRoute['answer'] {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const codings = body.length < worthCompressing ? [] : Object.keys(compress);
  const coded = new Map<string, Promise<Buffer>>();
  const inCoding = (coding: string): Promise<Buffer> => {
    const made = coded.get(coding) ?? compress[coding]!(body);
    coded.set(coding, made);
    return made;
  };
  return async (request, reply) => {
    reply.headers({ 'cache-control': cacheControl, etag, vary: 'accept-encoding' });
    if (csp !== undefined) reply.header('content-security-policy', csp);
    if (isUnchanged(request, etag)) return reply.code(304).send();
    const coding = codings.find((name) => accepts(request, name));
    if (coding !== undefined) reply.header('content-encoding', coding);
    return reply.type(contentType).send(coding === undefined ? body : await inCoding(coding));
  };
}

/** Returns whether a request accepts a content coding (RFC 9110 section 12.5.3). Ignores `*`, which no browser sends. */
function accepts({ headers }: FastifyRequest, coding: string): boolean {
  const accepted = (headers['accept-encoding'] ?? '').split(',');
  return accepted.some((item) => {
    const [name, weight = 'q=1'] = item.split(';').map((part) => part.trim().toLowerCase());
    return name === coding && !/^q=0(?:\.0*)?$/.test(weight);
  });
}
