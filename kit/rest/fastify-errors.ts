import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { KitReason } from '#kit/errors/reasons.ts';
import { failure, reasonOf } from '#kit/errors/failure.ts';
import { sendProblem } from './answer.ts';
import { problemOf } from './problem.ts';

const byStatus: Partial<Record<number, KitReason>> = {
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
  503: 'SERVICE_UNAVAILABLE',
};

/**
 * Fastify's `setErrorHandler`: answers what Fastify, its plugins and routes
 * beside the REST door raise, by the status that they mean. Headers set on the
 * reply stay, Retry-After among them.
 */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  // One of ours: what raised it has decided what the caller hears, and whether it is logged.
  if (reasonOf(error) !== undefined) return sendProblem(request, reply, error);
  const status = statusOf(error);
  if (status === undefined) request.log.error({ err: error }, 'unexpected error');
  sendProblem(
    request,
    reply,
    status === undefined ? error : failure(byStatus[status] ?? 'INVALID_ARGUMENT', { cause: error }),
  );
}

/** Fastify's `setNotFoundHandler`. */
export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(request, reply, failure('NOT_FOUND'));
}

/** Fastify's `frameworkErrors` option: a URL that cannot be decoded, for one. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answerError(error, request, reply);
}

/**
 * Fastify's `clientErrorHandler` option: answers a request that is not HTTP, whose
 * headers are too large, or that took too long to come, and closes the connection.
 * @param headers those that every answer has
 */
export function clientErrorAnswer(headers: readonly (readonly [string, string])[]) {
  const always = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
      socket.destroy();
      return;
    }
    const problem = problemOf(failure(ofParser[error.code ?? ''] ?? 'INVALID_ARGUMENT'), { instance: '' });
    // HTTP has a status of its own for a request that took too long.
    const status = problem.status === 504 ? 408 : problem.status;
    const body = JSON.stringify({ ...problem.body, status });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n` +
        `${always}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  };
}

/** What Node's parser has to say, beside that it is not HTTP. */
const ofParser: Record<string, KitReason> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'DEADLINE_EXCEEDED',
};

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const status = error.statusCode;
  return typeof status === 'number' && status >= 400 && (status < 500 || status === 503) ? status : undefined;
}
