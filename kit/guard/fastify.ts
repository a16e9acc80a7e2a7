import { ConnectError } from '@connectrpc/connect';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from './claims.ts';
import type { HeaderSource } from './credentials.ts';
import { detailOf, refusalReasonOf } from './error.ts';
import { assertGuard, type Guard, userIn } from './guard.ts';
import type { Identity } from './policy.ts';
import { joinedHeader } from './raw-headers.ts';
import { guardReasons } from './reasons.ts';
import { type AccessRule, assertRule } from './rule.ts';

const identities = new WeakMap<FastifyRequest, Identity>();

/**
 * Returns a guard as an `onRequest` hook of a Fastify route, which runs before the
 * body is read. A refusal is sent as RFC 9457 problem+json; other errors are
 * passed to Fastify.
 * @throws Error if the rule is invalid
 */
export function fastifyGate(guard: Guard, rule: AccessRule) {
  assertGuard(guard);
  assertRule(rule);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    try {
      identities.set(request, await guard.check(rule, headersOf(request.raw.rawHeaders)));
      return undefined;
    } catch (error) {
      return refuse(request, reply, error);
    }
  };
}

/** Returns the verified identity of the request. Empty on a public route. @throws Error on a route without a gate */
export function identityOfRequest(request: FastifyRequest): Identity {
  const identity = identities.get(request);
  if (!identity) throw new Error('This route has no gate: give it onRequest: fastifyGate(guard, rule).');
  return identity;
}

/** Returns the calling user. @throws TOKEN_REQUIRED without a user */
export function userOfRequest(request: FastifyRequest): Principal {
  return userIn(identityOfRequest(request));
}

function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const code = refusalReasonOf(error);
  if (code === undefined || !(error instanceof ConnectError)) throw error;
  error.metadata.forEach((value, name) => void reply.header(name, value));
  const { status, title } = guardReasons[code];
  const [instance] = request.url.split('?');
  const detail = detailOf(error);
  const problem = {
    type: `urn:signet:error:${code}`,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    instance,
    code,
    request_id: request.id,
  };
  // Sent as bytes: Fastify adds a charset to text, which the media type does not have (RFC 9457 section 6.1).
  return reply
    .code(status)
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(problem)));
}

function headersOf(rawHeaders: readonly string[]): HeaderSource {
  return { get: (name) => joinedHeader(rawHeaders, name) ?? null };
}
