import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type ImportedUser,
  type ImportResult,
  ImportResultSchema,
} from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { type TokenResponse, TokenResponseSchema } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { type User as UserMessage, UserSchema } from '#gen/proto/signet/auth/v1/user_pb.ts';
import type { Import, Imported } from '../domain/imports.ts';
import type { User } from '../domain/model.ts';
import type { IssuedTokens } from '../domain/tokens.ts';

/** An account, for its owner and administrators. */
export function toUserMessage({ id, email, name, roles, createdAt, disabledAt, verifiedAt }: User): UserMessage {
  return create(UserSchema, {
    id,
    email,
    name,
    roles: [...roles],
    createdAt: timestampFromDate(createdAt),
    ...(disabledAt ? { disabledAt: timestampFromDate(disabledAt) } : {}),
    ...(verifiedAt ? { emailVerifiedAt: timestampFromDate(verifiedAt) } : {}),
  });
}

/** Tokens as an answer; by cookie, the answer holds none that cookies do. */
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

/** An account that is brought along from elsewhere. */
export function toImport({ createdAt, ...user }: ImportedUser): Import {
  return { ...user, createdAt: createdAt && timestampDate(createdAt) };
}

/** What became of it. */
export function toImportResult(imported: Imported): ImportResult {
  return create(ImportResultSchema, imported);
}
