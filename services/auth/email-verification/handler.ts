import type { ServiceImpl } from '@connectrpc/connect';
import type { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import type { CookieNames } from '#kit/browser/cookies.ts';
import { userOf } from '#kit/guard/connect.ts';
import { currentActor } from '../audit/public.ts';
import { sourceOf } from '../limits/public.ts';
import type { EmailVerification } from './rules.ts';

/** Implements EmailService. */
export function emailHandler(emails: EmailVerification, cookies: CookieNames): ServiceImpl<typeof EmailService> {
  return {
    async sendVerification(_, { values, requestHeader }) {
      await emails.send(userOf(values).subject, sourceOf(requestHeader, cookies));
      return {};
    },
    async confirmEmail({ token }, { values }) {
      await emails.confirm(userOf(values).subject, token, currentActor());
      return {};
    },
    async verifyEmail({ token, password }, { requestHeader }) {
      await emails.verify(token, password, sourceOf(requestHeader, cookies));
      return {};
    },
  };
}
