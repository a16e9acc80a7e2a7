import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ProblemAnswer, problemOf } from './problem.ts';

/** Headers that only the connection or the body's writer may set (RFC 9110 section 7.6.1). */
const connectionHeaders = new Set([
  'content-length',
  'content-type',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Copies the headers that gate and handler set to the response. */
export function copyHeaders(from: Headers, reply: FastifyReply): void {
  for (const [name, value] of from) {
    // Headers iterates set-cookie once per cookie, and Fastify appends each.
    if (!connectionHeaders.has(name)) reply.header(name, value);
  }
}

/**
 * Sends the response of a unary call. A GET or HEAD whose `If-None-Match` matches
 * the ETag gets 304 (RFC 9110 section 13.1.2). Unless the handler sets
 * Cache-Control, it is no-store, or no-cache with an ETag.
 */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: {
    readonly status: number;
    readonly contentType: string;
    readonly header: Headers;
    readonly text: () => string;
  },
): void {
  const etag = answer.header.get('etag');
  const unchanged = etag !== null && answer.status === 200 && isUnchanged(request, etag);
  const empty = unchanged || answer.status === 204 || answer.status === 205;
  // Serialized first: if it fails, the error response must not have headers of this one.
  const text = empty ? undefined : answer.text();
  copyHeaders(answer.header, reply);
  if (!answer.header.has('cache-control')) reply.header('cache-control', etag === null ? 'no-store' : 'no-cache');
  reply.code(unchanged ? 304 : answer.status);
  if (text === undefined) reply.send();
  else reply.header('content-type', answer.contentType).send(text);
}

/** Returns whether a GET or HEAD has the ETag in If-None-Match (RFC 9110 section 13.1.2). */
export function isUnchanged(request: FastifyRequest, etag: string): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const condition = request.headers['if-none-match'];
  if (condition === undefined) return false;
  if (condition.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return (condition.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag.replace(/^W\//, '') === opaque);
}

/** Returns the id of a request: the one that a gate or hook set on the response, otherwise Fastify's. */
export function requestIdOf(request: FastifyRequest, reply: FastifyReply, header?: Headers): string {
  const given = header?.get('x-request-id') ?? reply.getHeader('x-request-id');
  return given === undefined ? request.id : String(given);
}

/** Returns the problem of an error for a request. */
export function problemFor(
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  header?: Headers,
): ProblemAnswer {
  return problemOf(error, {
    instance: pathOf(request.raw.url ?? ''),
    requestId: requestIdOf(request, reply, header),
  });
}

/** Sends an error as application/problem+json. `header` has the headers that the call has set so far. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: unknown, header?: Headers): void {
  const problem = problemFor(request, reply, error, header);
  if (header) copyHeaders(header, reply);
  for (const [name, value] of Object.entries(problem.headers)) reply.header(name, value);
  if (problem.body.request_id) reply.header('x-request-id', problem.body.request_id);
  // Sent as bytes: Fastify adds a charset to text, which problem+json does not have.
  reply.code(problem.status).send(Buffer.from(JSON.stringify(problem.body)));
}

/** Returns the path of a request target, without query, and without scheme and host (absolute form). */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  return path.startsWith('/') ? path : path.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]*/, '');
}

/** Returns the query of a request target, without the question mark. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark + 1);
}
