import type { JsonObject } from '@bufbuild/protobuf';

/** What a document says of request headers that the contract names (signet.policy.v1.edge). */
const requestHeaders: Record<string, JsonObject> = {
  'idempotency-key': {
    description:
      'Makes a repetition safe: within 24 hours the same key with the same request returns the first response, and with another request IDEMPOTENCY_KEY_REUSED. Without it, every request is a new one.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  'x-csrf-token': {
    description: "The session's CSRF token. Required if the token of the session is sent as a cookie.",
    schema: { type: 'string' },
  },
};

/** Returns the parameter of a request header. */
export function headerParameter(name: string): JsonObject {
  return { name: spelled(name), in: 'header', schema: { type: 'string' }, ...requestHeaders[name] };
}

/** Spelling of a header's name as people write it: X-CSRF-Token. */
function spelled(name: string): string {
  return name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()).replace('Csrf', 'CSRF');
}

/** Headers of responses, which are components of the document. */
export const responseHeaders = {
  'X-Request-Id': {
    description: 'Id of the request in logs: that of the request, or a new one.',
    schema: { type: 'string' },
  },
  RateLimit: {
    description:
      'Requests left in the current window, and seconds until it ends (draft-ietf-httpapi-ratelimit-headers): `"standard";r=299;t=60`.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description: 'Requests in a window, and its length in seconds: `"standard";q=300;w=60`.',
    schema: { type: 'string' },
  },
  'Retry-After': { description: 'Seconds to wait before the next attempt.', schema: { type: 'integer' } },
  'WWW-Authenticate': {
    description: 'The challenge (RFC 6750, RFC 9470): `error` and, for a recent sign-in, `max_age`.',
    schema: { type: 'string' },
  },
  'Idempotent-Replayed': {
    description: '`true` if this is the stored response to an earlier request with the same Idempotency-Key.',
    schema: { type: 'string', const: 'true' },
  },
} as const satisfies Record<string, JsonObject>;

/**
 * Returns the `headers` of a response.
 * @param status HTTP status; `default` for any other error
 * @param isLimited whether the edge counts requests
 * @param replays whether the method has an Idempotency-Key
 */
export function headersOf(status: string, isLimited: boolean, replays: boolean): JsonObject {
  const names: (keyof typeof responseHeaders)[] = [
    'X-Request-Id',
    ...(isLimited ? (['RateLimit', 'RateLimit-Policy'] as const) : []),
    ...(['429', '503', 'default'].includes(status) ? (['Retry-After'] as const) : []),
    ...(status === '401' ? (['WWW-Authenticate'] as const) : []),
    ...(replays && /^(?:2..|402|409)$/.test(status) ? (['Idempotent-Replayed'] as const) : []),
  ];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
