import { type DescMethod, getOption, hasOption, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { access, AccessSchema, type Authenticated } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { changesState } from '#kit/call/gate-check.ts';
import type { KitReason } from '#kit/errors/reasons.ts';

/** Documentation of a method's access rule. */
export interface AccessDoc {
  /** OpenAPI security requirements; empty for a public method. */
  readonly security: JsonValue[];
  /** Reasons that the guard may refuse with. */
  readonly reasons: readonly KitReason[];
  /** The rule; undefined if the method has none. */
  readonly rule: JsonValue | undefined;
  /** What a caller needs, as a sentence; undefined if REST clients cannot call the method. */
  readonly needs: string | undefined;
}

/** How a deployment authenticates browsers. */
export interface BrowserAuth {
  /** Name of the access token's cookie. */
  readonly cookie: string;
  /** `always`: state-changing requests with an Authorization header need a CSRF token too. */
  readonly csrf: 'cookie' | 'always';
}

/** Names of the security schemes in the document. */
const bearer = 'bearerAuth';
const cookie = 'cookieAuth';
const csrfToken = 'csrfToken';

/** Returns the authentication schemes. */
export function securitySchemes({ cookie: name, csrf }: BrowserAuth): JsonObject {
  return {
    [bearer]: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'The access token (RFC 9068): `access_token` in the response to a sign-in.',
    },
    [cookie]: {
      type: 'apiKey',
      in: 'cookie',
      name,
      description:
        'The access token in a cookie. Browsers get and send it after a sign-in with `"transport": "cookie"`.',
    },
    [csrfToken]: {
      type: 'apiKey',
      in: 'header',
      name: 'X-CSRF-Token',
      description: `The session's CSRF token: \`csrf_token\` in the response to a sign-in. ${
        csrf === 'always'
          ? 'Required by every request of a signed-in user that changes state.'
          : 'Required by a request that changes state and is authenticated by cookie.'
      }`,
    },
  };
}

/** Reads the access rule of a method (signet.policy.v1.access). */
export function accessDocOf(method: DescMethod, { csrf }: BrowserAuth): AccessDoc {
  if (!hasOption(method, access)) return { security: [], reasons: [], rule: undefined, needs: undefined };
  const message = getOption(method, access);
  const rule = toJson(AccessSchema, message, { useProtoFieldName: true });
  switch (message.rule.case) {
    case 'authenticated': {
      const { roles, scopes, callers, acr, maxAuthAge } = message.rule.value;
      const reasons: KitReason[] = ['TOKEN_REQUIRED', 'INVALID_TOKEN', 'KEYS_UNAVAILABLE', 'REVOCATIONS_STALE'];
      if (acr !== '' || maxAuthAge) reasons.push('REAUTHENTICATION_REQUIRED');
      if (roles.length > 0 || scopes.length > 0) reasons.push('INSUFFICIENT_SCOPE');
      if (callers.length > 0) reasons.push('CALLER_NOT_ALLOWED');
      const token: JsonObject = changesState(method) ? { [csrfToken]: [] } : {};
      const security = [
        { [bearer]: [], ...(csrf === 'always' ? token : {}) },
        { [cookie]: [], ...token },
      ];
      return { security, reasons, rule, needs: needsOf(message.rule.value) };
    }
    case 'internal':
      return { security: [], reasons: ['CALLER_NOT_ALLOWED'], rule, needs: undefined };
    default:
      return { security: [], reasons: [], rule, needs: 'No sign-in is needed.' };
  }
}

/** Returns the conditions of a rule as a sentence. */
function needsOf({ roles, scopes, acr, maxAuthAge, services }: Authenticated): string {
  const conditions = [
    ...(roles.length > 0 ? [`the role ${roles.join(' or ')}`] : []),
    ...(scopes.length > 0 ? [`the ${scopes.length > 1 ? 'scopes' : 'scope'} ${scopes.join(' and ')}`] : []),
    ...(acr === '' ? [] : [`authentication of class ${acr} or higher`]),
    ...(maxAuthAge ? [`a sign-in with the password in the last ${inWords(maxAuthAge)}`] : []),
  ];
  const user = conditions.length > 0 ? ` with ${listFormat.format(conditions)}` : '';
  return `Needs a signed-in user${services ? ' or a machine client' : ''}${user}.`;
}

const listFormat = new Intl.ListFormat('en');

function inWords({ seconds }: Duration): string {
  const [count, unit] = seconds % 60n === 0n ? [seconds / 60n, 'minute'] : [seconds, 'second'];
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(count);
}
