import { createClient, type Transport } from '@connectrpc/connect';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { ProfileService } from '#gen/proto/signet/user/v1/profile_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { Recipients } from '../domain/messages.ts';

/** Timeout of a call, ms. */
const timeoutMs = 10_000;

/** Client of the auth and user services, in this service's own name. */
export function createRecipients(auth: Transport, user: Transport): Recipients {
  const accounts = createClient(AccountService, auth);
  const profiles = createClient(ProfileService, user);
  return {
    contact: (userId) =>
      unlessGone(async () => {
        const { email, emailVerified, name } = await accounts.getContact({ userId }, { timeoutMs });
        return { email, isVerified: emailVerified, name: emailVerified ? name : '' };
      }),
    link: (linkId) => unlessGone(() => accounts.issueLink({ linkId }, { timeoutMs })),
    phone: (userId) => unlessGone(async () => (await profiles.getPhone({ userId }, { timeoutMs })).phone || undefined),
  };
}

async function unlessGone<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const translated = translateUpstreamError(error);
    if (reasonOf(translated) === 'NOT_FOUND') return undefined;
    throw translated;
  }
}
