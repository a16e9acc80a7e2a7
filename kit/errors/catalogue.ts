import { Code } from '@connectrpc/connect';
import { guardReasons, type ReasonEntry } from '#kit/guard/reasons.ts';

/**
 * Every reason that Signet gives for refusing something: the only place where a
 * reason, its statuses and its sentence are decided. docs/errors.md lists them
 * all; `npm run check` holds the two to each other.
 */
export const catalogue = {
  ...guardReasons,

  INVALID_ARGUMENT: {
    code: Code.InvalidArgument,
    status: 400,
    title: 'The request is not valid.',
  },
  PASSWORD_REJECTED: {
    code: Code.InvalidArgument,
    status: 400,
    title: 'The password cannot be used.',
  },
  INVALID_CREDENTIALS: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'The email or the password is wrong.',
  },
  INVALID_REFRESH_TOKEN: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'The refresh token is not valid. Sign in again.',
  },
  REFRESH_TOKEN_REUSED: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'The refresh token was used before; the session has been ended. Sign in again.',
  },
  INVALID_LINK: {
    code: Code.InvalidArgument,
    status: 400,
    title: 'The link is not valid: it was used before, has expired, or was never sent.',
  },
  INVALID_CLIENT: {
    code: Code.Unauthenticated,
    status: 401,
    title: "The service's assertion is not valid.",
  },
  CSRF_REQUIRED: {
    code: Code.PermissionDenied,
    status: 403,
    title: "A request that authenticates by cookie needs its session's X-CSRF-Token.",
  },
  CROSS_ORIGIN: {
    code: Code.PermissionDenied,
    status: 403,
    title: 'A request that changes something must come from our own pages or with an Authorization header.',
  },
  NOT_FOUND: {
    code: Code.NotFound,
    status: 404,
    title: 'There is no such thing here.',
  },
  METHOD_NOT_ALLOWED: {
    code: Code.Unimplemented,
    status: 405,
    title: 'The path exists, but not for this HTTP method.',
  },
  EMAIL_TAKEN: {
    code: Code.AlreadyExists,
    status: 409,
    title: 'An account with this email exists.',
  },
  LAST_ADMIN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'There must be an administrator left.',
  },
  ROLE_BUILT_IN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'This role comes with Signet and cannot be changed.',
  },
  PAYLOAD_TOO_LARGE: {
    code: Code.ResourceExhausted,
    status: 413,
    title: 'The request body is too large.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    code: Code.InvalidArgument,
    status: 415,
    title: 'The request body must be application/json.',
  },
  HEADERS_TOO_LARGE: {
    code: Code.ResourceExhausted,
    status: 431,
    title: 'The request headers are too large.',
  },
  RATE_LIMITED: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'Too many requests. Try again later.',
  },
  LOGIN_LIMITED: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'Too many tries. Try again later.',
  },
  SERVER_BUSY: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'Too many sign-ins are waiting. Try again shortly.',
  },
  CANCELLED: {
    code: Code.Canceled,
    status: 499,
    title: 'The caller went away.',
  },
  INTERNAL: {
    code: Code.Internal,
    status: 500,
    title: 'Something went wrong on our side.',
  },
  UNIMPLEMENTED: {
    code: Code.Unimplemented,
    status: 501,
    title: 'There is no such method.',
  },
  SERVICE_UNAVAILABLE: {
    code: Code.Unavailable,
    status: 503,
    title: 'The service cannot be reached right now. Try again shortly.',
  },
  DEADLINE_EXCEEDED: {
    code: Code.DeadlineExceeded,
    status: 504,
    title: 'The answer took too long.',
  },
} as const satisfies Record<string, ReasonEntry>;

/** A reason of the catalogue. */
export type Reason = keyof typeof catalogue;

/** Tells whether a string is a reason of the catalogue. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(catalogue, text);
}
