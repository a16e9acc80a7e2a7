import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the auth service. */
export const reasons = defineReasons({
  PASSWORD_REJECTED: {
    code: Code.InvalidArgument,
    status: 400,
    title: 'The password does not meet the requirements.',
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
    title: 'The refresh token was already used, so the session was ended. Sign in again.',
  },
  INVALID_LINK: {
    code: Code.InvalidArgument,
    status: 400,
    title: 'The link is invalid, has expired or was already used.',
  },
  INVALID_CLIENT: {
    code: Code.Unauthenticated,
    status: 401,
    title: "The service's assertion is not valid.",
  },
  EMAIL_TAKEN: {
    code: Code.AlreadyExists,
    status: 409,
    title: 'An account with this email already exists.',
  },
  KEY_PENDING: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'Another signing key is pending. It must become active, or be revoked, first.',
  },
  LAST_ADMIN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'At least one administrator must remain.',
  },
  ROLE_BUILT_IN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'Built-in roles cannot be changed.',
  },
  LOGIN_LIMITED: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'Too many attempts. Try again later.',
  },
  SERVER_BUSY: {
    code: Code.ResourceExhausted,
    status: 429,
    title: 'Too many sign-ins are waiting. Try again shortly.',
  },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const failure = failureOf(reasons);
