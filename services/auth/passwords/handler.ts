import type { ServiceImpl } from '@connectrpc/connect';
import type { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import type { CookieNames } from '#kit/browser/cookies.ts';
import { userOf } from '#kit/guard/connect.ts';
import { setDeviceCookie, sourceOf } from '../limits/public.ts';
import type { Passwords } from './rules/passwords.ts';

/** Implements PasswordService. */
export function passwordHandler(passwords: Passwords, cookies: CookieNames): ServiceImpl<typeof PasswordService> {
  return {
    async changePassword({ currentPassword, newPassword }, { values, requestHeader }) {
      const { subject: userId, sessionId } = userOf(values);
      const source = sourceOf(requestHeader, cookies);
      await passwords.change({ userId, sessionId }, currentPassword, newPassword, source);
      return {};
    },
    async requestPasswordReset({ email }, { requestHeader }) {
      await passwords.requestReset(email, sourceOf(requestHeader, cookies));
      return {};
    },
    async resetPassword({ token, newPassword }, { requestHeader, responseHeader }) {
      const deviceToken = await passwords.reset(token, newPassword, sourceOf(requestHeader, cookies));
      setDeviceCookie(responseHeader, cookies, deviceToken);
      return { deviceToken };
    },
  };
}
