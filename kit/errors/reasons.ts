import { Code } from '@connectrpc/connect';
import { guardReasons, type ReasonEntry } from '#kit/guard/reasons.ts';

/** The reasons of a service, by name (services/<name>/reasons.ts). */
export type Reasons = Readonly<Record<string, ReasonEntry>>;

/**
 * Reasons that any service may use: the guard's, and those of transport and HTTP.
 * A service adds its own (`defineReasons`). docs/errors.md lists all reasons.
 */
export const kitReasons = {
  ...guardReasons,

  INVALID_ARGUMENT: {
    code: Code.InvalidArgument,
    status: 400,
    title: 'The request is not valid.',
  },
  OUT_OF_RANGE: {
    code: Code.OutOfRange,
    status: 400,
    title: 'A value is out of range.',
  },
  UNAUTHENTICATED: {
    code: Code.Unauthenticated,
    status: 401,
    title: 'Authentication is required.',
  },
  PERMISSION_DENIED: {
    code: Code.PermissionDenied,
    status: 403,
    title: 'Permission denied.',
  },
  CSRF_REQUIRED: {
    code: Code.PermissionDenied,
    status: 403,
    title: "A request authenticated by cookie requires its session's X-CSRF-Token header.",
  },
  NOT_FOUND: {
    code: Code.NotFound,
    status: 404,
    title: 'Not found.',
  },
  METHOD_NOT_ALLOWED: {
    code: Code.Unimplemented,
    status: 405,
    title: 'The path does not support this HTTP method.',
  },
  ALREADY_EXISTS: {
    code: Code.AlreadyExists,
    status: 409,
    title: 'The resource already exists.',
  },
  FAILED_PRECONDITION: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The current state does not allow this.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The idempotency key was already used for another request.',
  },
  OUT_OF_STOCK: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'Products are not available in the wanted quantity.',
  },
  PAYMENT_DECLINED: {
    code: Code.FailedPrecondition,
    status: 402,
    title: 'The payment was declined.',
  },
  EVENT_HISTORY: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The position does not belong to the history of this event log.',
  },
  EVENTS_GONE: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'Events behind the position have been deleted.',
  },
  ABORTED: {
    code: Code.Aborted,
    status: 409,
    title: 'The request conflicts with another one. Try again.',
  },
  PAYLOAD_TOO_LARGE: {
    code: Code.ResourceExhausted,
    status: 413,
    title: 'The request body is too large.',
  },
  UNSUPPORTED_COMPRESSION: {
    code: Code.Unimplemented,
    status: 501,
    title: 'The request must be uncompressed, or compressed with gzip or br.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    code: Code.InvalidArgument,
    status: 415,
    title: 'The request body must be application/json.',
  },
  RATE_LIMITED: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'Too many requests. Try again later.',
  },
  RESOURCE_EXHAUSTED: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'A quota or limit is exhausted. Try again later.',
  },
  HEADERS_TOO_LARGE: {
    code: Code.ResourceExhausted,
    status: 431,
    title: 'The request headers are too large.',
  },
  CANCELLED: {
    code: Code.Canceled,
    status: 499,
    title: 'The client cancelled the request.',
  },
  INTERNAL: {
    code: Code.Internal,
    status: 500,
    title: 'Internal error.',
  },
  UNIMPLEMENTED: {
    code: Code.Unimplemented,
    status: 501,
    title: 'This method does not exist.',
  },
  SERVICE_UNAVAILABLE: {
    code: Code.Unavailable,
    status: 503,
    title: 'The service is unavailable. Try again shortly.',
  },
  DEADLINE_EXCEEDED: {
    code: Code.DeadlineExceeded,
    status: 504,
    title: 'The deadline was exceeded.',
  },
} as const satisfies Reasons;

/** A reason of the kit. */
export type KitReason = keyof typeof kitReasons;

/** Returns whether a string is a reason of the kit. */
export function isKitReason(text: string): text is KitReason {
  return Object.hasOwn(kitReasons, text);
}

const byCode: Readonly<Record<Code, KitReason>> = {
  [Code.Canceled]: 'CANCELLED',
  [Code.Unknown]: 'INTERNAL',
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.NotFound]: 'NOT_FOUND',
  [Code.AlreadyExists]: 'ALREADY_EXISTS',
  [Code.PermissionDenied]: 'PERMISSION_DENIED',
  [Code.ResourceExhausted]: 'RESOURCE_EXHAUSTED',
  [Code.FailedPrecondition]: 'FAILED_PRECONDITION',
  [Code.Aborted]: 'ABORTED',
  [Code.OutOfRange]: 'OUT_OF_RANGE',
  [Code.Unimplemented]: 'UNIMPLEMENTED',
  [Code.Internal]: 'INTERNAL',
  [Code.Unavailable]: 'SERVICE_UNAVAILABLE',
  [Code.DataLoss]: 'INTERNAL',
  [Code.Unauthenticated]: 'UNAUTHENTICATED',
};

/** Returns the reason of an error that has only a status code. */
export function reasonOfCode(code: Code): KitReason {
  return byCode[code];
}

/** Returns whether a status code means a fault of the service, which is reported as INTERNAL. */
export function isMasked(code: Code): boolean {
  return byCode[code] === 'INTERNAL';
}

/** Format of a reason (google.rpc.ErrorInfo), at most 63 characters. */
export const reasonForm = /^[A-Z](?:[A-Z0-9_]{0,61}[A-Z0-9])?$/;

/**
 * Checks and returns the reasons of a service.
 * @throws Error if a name is malformed or a reason of the kit, a status is not 4xx or 5xx, a code is masked, or a title
 * is not a sentence
 */
export function defineReasons<const R extends Reasons>(reasons: R): R {
  for (const [reason, { code, status, title }] of Object.entries(reasons)) {
    if (!reasonForm.test(reason)) throw new Error(`${reason}: a reason is UPPER_SNAKE_CASE, at most 63 characters`);
    if (isKitReason(reason)) throw new Error(`${reason} is a reason of the kit`);
    if (!isErrorStatus(status)) throw new Error(`${reason}: ${status} is not an HTTP status of an error`);
    if (isMasked(code)) throw new Error(`${reason}: errors of code ${Code[code]} are masked as INTERNAL`);
    if (!/^[A-Z].*\.$/.test(title)) throw new Error(`${reason}: the title is not a sentence`);
  }
  return reasons;
}

/** Returns whether a number is an HTTP error status: 4xx or 5xx. */
export function isErrorStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 599;
}
