import type { ServiceImpl } from '@connectrpc/connect';
import type { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { currentActor } from '../audit/public.ts';
import type { ServiceTokens } from './rules.ts';

/** Implements ServiceTokenService. */
export function serviceTokenHandler(tokens: ServiceTokens): ServiceImpl<typeof ServiceTokenService> {
  return {
    async issueServiceToken({ clientAssertion }) {
      return { ...(await tokens.issue(clientAssertion, currentActor())), tokenType: 'Bearer' };
    },
  };
}
