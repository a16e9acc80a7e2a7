import type { ServiceImpl } from '@connectrpc/connect';
import type { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { userOf } from '#kit/guard/connect.ts';
import { networkOf } from '#kit/net/network.ts';
import { currentCall } from '#kit/rpc/call.ts';
import type { Limits } from '../domain/limits.ts';
import type { LinkMailer, LinkStore } from '../domain/links.ts';

/** EmailService: from messages to the domain and back. */
export function emailHandler(deps: {
  readonly limits: Limits;
  readonly links: LinkStore;
  readonly mailer: LinkMailer;
}): ServiceImpl<typeof EmailService> {
  const { limits, links, mailer } = deps;
  return {
    async sendVerification(_, { values }) {
      const { email } = userOf(values);
      if (email === undefined) return {};
      if (await limits.tryMail(email, networkOf(currentCall()?.address ?? ''))) {
        mailer.later('email_verification', email);
      }
      return {};
    },
    async verifyEmail({ token }) {
      if (!(await links.verifyEmail(token))) throw failure('INVALID_LINK');
      return {};
    },
  };
}
