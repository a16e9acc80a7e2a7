import { create } from '@bufbuild/protobuf';
import { type TokenResponse, TokenResponseSchema } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { toUserMessage, type User } from '../../users/public.ts';
import type { IssuedTokens } from '../rules/tokens.ts';

/** Converts tokens to a response. With cookies, the response omits the tokens that are set as cookies. */
export function toTokenResponse(
  user: User,
  tokens: IssuedTokens,
  byCookie: boolean,
  deviceToken?: string,
): TokenResponse {
  const { accessToken, refreshToken, csrfToken, expiresIn } = tokens;
  return create(TokenResponseSchema, {
    ...(byCookie ? {} : { accessToken, refreshToken, ...(deviceToken === undefined ? {} : { deviceToken }) }),
    csrfToken,
    tokenType: 'Bearer',
    expiresIn,
    user: toUserMessage(user),
  });
}
