import { createClient, type Transport } from '@connectrpc/connect';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { relay } from '#kit/rpc/relay.ts';
import type { Accounts } from '../domain/profiles.ts';

/** Accounts, as the auth service tells of them. The caller's token goes along by itself. */
export function createAccounts(auth: Transport): Accounts {
  const client = createClient(AuthService, auth);
  return {
    async callersName() {
      try {
        const { user } = await client.verify({});
        return user?.name ?? '';
      } catch (error) {
        throw relay(error);
      }
    },
  };
}
