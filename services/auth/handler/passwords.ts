import type { ServiceImpl } from '@connectrpc/connect';
import type { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { currentCall } from '#kit/rpc/call.ts';
import type { Passwords } from '../domain/passwords.ts';

/** PasswordService: from messages to the domain and back. */
export function passwordHandler(passwords: Passwords): ServiceImpl<typeof PasswordService> {
  return {
    async changePassword({ currentPassword, newPassword }, { values }) {
      const { subject: userId, sessionId } = userOf(values);
      await passwords.change({ userId, sessionId, ip: ip() }, currentPassword, newPassword);
      return {};
    },
    async requestPasswordReset({ email }) {
      await passwords.requestReset(email, ip());
      return {};
    },
    async resetPassword({ token, newPassword }) {
      await passwords.reset(token, newPassword, ip());
      return {};
    },
  };
}

function ip(): string {
  return currentCall()?.address ?? '';
}
