import { Code } from '@connectrpc/connect';
import { failureOf } from '#kit/errors/failure.ts';
import { defineReasons } from '#kit/errors/reasons.ts';

/** Reasons of the service in the kit's tests. */
export const testReasons = defineReasons({
  TEXT_TAKEN: { code: Code.AlreadyExists, status: 409, title: 'The text is taken.' },
  CARD_DECLINED: { code: Code.FailedPrecondition, status: 402, title: 'The card was declined.' },
  QUEUE_FULL: { code: Code.ResourceExhausted, status: 429, title: 'The queue is full.' },
  LOGIN_OVER: { code: Code.Unauthenticated, status: 401, title: 'The login is over.' },
});

/** Creates the error of one of these reasons, or of the kit's. */
export const testFailure = failureOf(testReasons);
