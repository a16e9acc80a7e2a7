import type { ServiceImpl } from '@connectrpc/connect';
import type { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { currentCall } from '#kit/call/call.ts';
import { currentActor } from '../../audit/public.ts';
import { toUserMessage } from '../../users/public.ts';
import type { Accounts } from '../rules/registration.ts';

/** Implements AuthService.Register. */
export function registerHandler(accounts: Accounts): Pick<ServiceImpl<typeof AuthService>, 'register'> {
  return {
    async register({ email, password, name, role }) {
      const signal = currentCall()?.signal;
      const user = await accounts.register({
        email,
        password,
        name,
        roles: [role ?? 'user'],
        by: currentActor(),
        signal,
      });
      return { user: toUserMessage(user) };
    },
  };
}
