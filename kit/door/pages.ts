import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
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
 * Returns the routes of pages. Pages are served from memory and compressed once, at
 * start. Requests open no files: an aborted one would leave its file open.
 */
export async function pageRoutes(pages: readonly Page[]): Promise<HttpRoute[]> {
  return Promise.all(
    pages.map(async (page) => ({
      methods: ['GET' as const],
      path: page.path,
      access: 'public' as const,
      rate: 'light' as const,
      ...(page.csp === undefined ? {} : { csp: page.csp }),
      answer: await prepare(page),
    })),
  );
}

async function prepare({ contentType, body, cacheControl = 'no-cache' }: Page) {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const coded = new Map<string, Buffer>();
  for (const [coding, make] of Object.entries(compress)) {
    if (body.length >= worthCompressing) coded.set(coding, await make(body));
  }
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    reply.headers({ 'cache-control': cacheControl, etag, vary: 'accept-encoding' });
    if (isUnchanged(request, etag)) return reply.code(304).send();
    const coding = [...coded.keys()].find((name) => accepts(request, name));
    if (coding !== undefined) reply.header('content-encoding', coding);
    return reply.type(contentType).send(coding === undefined ? body : coded.get(coding));
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
