import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** The reasons that the auth service owns. */
export const reasons = defineReasons({
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
  EMAIL_TAKEN: {
    code: Code.AlreadyExists,
    status: 409,
    title: 'An account with this email exists.',
  },
  LAST_ADMIN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'The last administrator must keep the role.',
  },
  ROLE_BUILT_IN: {
    code: Code.FailedPrecondition,
    status: 409,
    title: 'This role comes with Signet and cannot be changed.',
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
