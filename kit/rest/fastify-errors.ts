import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { KitReason } from '#kit/errors/reasons.ts';
import type { Log } from '#kit/log/log.ts';
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
 * Fastify's `setErrorHandler`: sends errors of Fastify, its plugins and routes
 * outside of REST as problems, by their `statusCode`. Headers set on the reply, such
 * as Retry-After, are kept.
 */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  // An error with a reason is sent as it is. Its source has decided whether to log it.
  if (reasonOf(error) !== undefined) return sendProblem(request, reply, error);
  const status = statusOf(error);
  if (status === undefined) request.log.error({ request_id: request.id, err: error }, 'unexpected error');
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

/** Fastify's `frameworkErrors` option, for example for a URL that cannot be decoded. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answerError(error, request, reply);
}

/**
 * Returns Fastify's `clientErrorHandler` option. It responds to malformed HTTP, too
 * large headers and request timeouts, closes the connection, and writes a log line.
 * @param headers headers of every response
 */
export function clientErrorAnswer(headers: readonly (readonly [string, string])[], log: Pick<Log, 'info'>) {
  const always = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
      socket.destroy();
      return;
    }
    const { code = '' } = error;
    const detail = code === plainHttp ? { detail: 'This port speaks TLS: use https://.' } : {};
    const problem = problemOf(failure(ofParser[code] ?? 'INVALID_ARGUMENT', detail), { instance: '' });
    // HTTP has a separate status for a request timeout.
    const status = problem.status === 504 ? 408 : problem.status;
    const body = JSON.stringify({ ...problem.body, status });
    log.info({ status, reason: problem.body.code, address: socket.remoteAddress }, 'malformed request');
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n` +
        `${always}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  };
}

/** Code of the error of a connection without TLS to a port that requires it. */
export const plainHttp = 'SIGNET_PLAIN_HTTP';

/** Reasons of Node's parser errors, other than malformed HTTP. */
const ofParser: Record<string, KitReason> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'DEADLINE_EXCEEDED',
};

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const status = error.statusCode;
  return typeof status === 'number' && status >= 400 && (status < 500 || status === 503) ? status : undefined;
}
