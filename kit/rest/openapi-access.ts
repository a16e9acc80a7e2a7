import { type DescMethod, getOption, hasOption, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { access, AccessSchema } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import type { KitReason } from '#kit/errors/reasons.ts';

/** Documentation of a method's access rule. */
export interface AccessDoc {
  /** OpenAPI security requirements; empty for a public method. */
  readonly security: JsonValue[];
  /** Reasons that the guard may refuse with. */
  readonly reasons: readonly KitReason[];
  /** The rule; undefined if the method has none. */
  readonly rule: JsonValue | undefined;
}

/** Names of the security schemes in the document. */
export const bearer = 'bearerAuth';
export const cookie = 'cookieAuth';

/** The two authentication schemes. The cookie has this name if the edge is served over TLS. */
export const securitySchemes: JsonObject = {
  [bearer]: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token (RFC 9068).' },
  [cookie]: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-signet_at',
    description: 'The access token in a cookie. A request that changes state also requires X-CSRF-Token.',
  },
};

/** Reads the access rule of a method (signet.policy.v1.access). */
export function accessDocOf(method: DescMethod): AccessDoc {
  if (!hasOption(method, access)) return { security: [], reasons: [], rule: undefined };
  const message = getOption(method, access);
  const rule = toJson(AccessSchema, message, { useProtoFieldName: true });
  switch (message.rule.case) {
    case 'authenticated': {
      const { roles, scopes, callers, acr, maxAuthAge } = message.rule.value;
      const reasons: KitReason[] = ['TOKEN_REQUIRED', 'INVALID_TOKEN', 'KEYS_UNAVAILABLE', 'REVOCATIONS_STALE'];
      if (acr !== '' || maxAuthAge) reasons.push('REAUTHENTICATION_REQUIRED');
      if (roles.length > 0 || scopes.length > 0) reasons.push('INSUFFICIENT_SCOPE');
      if (callers.length > 0) reasons.push('CALLER_NOT_ALLOWED');
      return { security: [{ [bearer]: [] }, { [cookie]: [] }], reasons, rule };
    }
    case 'internal':
      return { security: [], reasons: ['CALLER_NOT_ALLOWED'], rule };
    default:
      return { security: [], reasons: [], rule };
  }
}
