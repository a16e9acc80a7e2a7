import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { createHash } from 'node:crypto';
import type { AuthService, Jwk } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import type { Keyring } from '../rules/keyring.ts';
import { failure } from '../../reasons.ts';

/**
 * Implements the part of AuthService that publishes the public keys.
 * @param maxAge Cache-Control max-age, s
 */
export function publicKeyHandler(
  keyring: Keyring,
  maxAge: number,
): Pick<ServiceImpl<typeof AuthService>, 'getJwks' | 'getPublicKey'> {
  return {
    getJwks(_, context) {
      const keys = keyring.jwks().map((jwk) => jwk as Omit<Jwk, '$typeName'>);
      cacheable(context, JSON.stringify(keys), maxAge);
      return { keys };
    },

    getPublicKey(_, context) {
      const pem = keyring.pem();
      if (pem === undefined) throw failure('NOT_FOUND');
      cacheable(context, pem, maxAge);
      return { pem };
    },
  };
}

function cacheable({ responseHeader }: HandlerContext, content: string, maxAge: number): void {
  responseHeader.set('etag', `"${createHash('sha256').update(content).digest('base64url')}"`);
  responseHeader.set('cache-control', `public, max-age=${maxAge}`);
}
