import { createClient, type Transport } from '@connectrpc/connect';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { Accounts } from '../domain/profiles.ts';

/** Client of the auth service's account methods. The caller's token is forwarded automatically. */
export function createAccounts(auth: Transport): Accounts {
  const client = createClient(AuthService, auth);
  const accounts = createClient(AccountService, auth);
  return {
    async erase() {
      try {
        await accounts.deleteAccount({});
      } catch (error) {
        throw translateUpstreamError(error);
      }
    },
    async callersName() {
      try {
        const { user } = await client.verify({});
        return user?.name ?? '';
      } catch (error) {
        throw translateUpstreamError(error);
      }
    },
  };
}
