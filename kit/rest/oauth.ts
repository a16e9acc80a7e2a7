import { isUtf8 } from 'node:buffer';
import type { DescMessage } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failure, reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { copyHeaders, problemFor } from './answer.ts';

/** The error codes of a token endpoint (RFC 6749, sections 5.2 and 4.1.2.1). */
export const errorCodes = [
  'invalid_request',
  'invalid_client',
  'unsupported_grant_type',
  'temporarily_unavailable',
  'server_error',
] as const;

const formMediaType = /^application\/x-www-form-urlencoded(?: *; *charset=(?:utf-8|"utf-8"))?$/i;

/** Returns whether a Content-Type value is that of a form. */
export function isFormMediaType(value: string): boolean {
  return formMediaType.test(value);
}

/**
 * Converts a form to the JSON of a request message (RFC 6749 section 3.2): parameters without a value are omitted, and
 * unknown ones ignored.
 * @throws INVALID_ARGUMENT if it is not UTF-8, or a parameter is repeated
 */
export function formText(bytes: Buffer, input: DescMessage): string {
  if (!isUtf8(bytes)) throw refused('$body', 'Not valid UTF-8.', 'NOT_UTF8');
  const form = new URLSearchParams(bytes.toString('utf8'));
  const known = input.fields.flatMap(({ name }) => {
    const values = form.getAll(name);
    if (values.length > 1) throw refused(name, 'Must not be repeated.', 'REPEATED');
    return values[0] ? [[name, values[0]]] : [];
  });
  return JSON.stringify(Object.fromEntries(known));
}

/** Sends an error as a token endpoint does (RFC 6749 section 5.2). `header` has the headers that the call has set so far. */
export function sendOAuthError(request: FastifyRequest, reply: FastifyReply, error: unknown, header?: Headers): void {
  const { status, headers, body } = problemFor(request, reply, error, header);
  if (header) copyHeaders(header, reply);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  if (body.request_id) reply.header('x-request-id', body.request_id);
  const description = [body.title, body.detail ?? ''].join(' ').trim();
  reply.header('content-type', 'application/json').header('cache-control', 'no-store');
  // The characters of error_description are those of RFC 6749 appendix A.8.
  const error_description = description.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
  reply.code(status).send(JSON.stringify({ error: codeOf(error, status), error_description }));
}

function codeOf(error: unknown, status: number): (typeof errorCodes)[number] {
  if (reasonOf(error) === 'INVALID_CLIENT') return 'invalid_client';
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  if (status >= 500) return 'server_error';
  const isGrant = violationsOf(error).some(({ field }) => field === 'grant_type');
  return isGrant ? 'unsupported_grant_type' : 'invalid_request';
}

function refused(field: string, description: string, reason: string): Error {
  return failure('INVALID_ARGUMENT', { fields: [{ field, description, reason }] });
}
