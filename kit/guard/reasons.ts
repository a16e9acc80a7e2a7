import { Code } from '@connectrpc/connect';

/** A reason's status on each protocol, and its title. */
export interface ReasonEntry {
  /** gRPC and Connect status. */
  readonly code: Code;
  /** HTTP status on REST. */
  readonly status: number;
  /** One sentence for the client. Reveals no internals. */
  readonly title: string;
  /** WWW-Authenticate header, unless the error sets its own (RFC 6750 section 3). */
  readonly challenge?: string;
}

/** Reasons for which the guard refuses a call. kit/errors adds the reasons of the transport; services add their own. */
export const guardReasons = {
  TOKEN_REQUIRED: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'An access token is required.',
    challenge: 'Bearer',
  },
  INVALID_TOKEN: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'The access token is not valid.',
    challenge: 'Bearer error="invalid_token"',
  },
  REAUTHENTICATION_REQUIRED: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'A more recent or stronger sign-in is required.',
    challenge: 'Bearer error="insufficient_user_authentication"',
  },
  INSUFFICIENT_SCOPE: {
    code: Code.PermissionDenied,
    status: 403,
    title: 'The access token lacks a required role or scope.',
    challenge: 'Bearer error="insufficient_scope"',
  },
  CALLER_NOT_ALLOWED: {
    code: Code.PermissionDenied,
    status: 403,
    title: 'Internal method.',
  },
  KEYS_UNAVAILABLE: {
    code: Code.Unavailable,
    status: 503,
    title: 'The access token cannot be verified right now.',
  },
  REVOCATIONS_STALE: {
    code: Code.Unavailable,
    status: 503,
    title: 'Revocation data is stale.',
  },
} as const satisfies Record<string, ReasonEntry>;

/** One of the guard's reasons. */
export type GuardReason = keyof typeof guardReasons;
