import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { createHash } from 'node:crypto';
import type { AuthService, Jwk } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import type { Keyring } from '../rules/keyring.ts';
import { failure } from '../../reasons.ts';

/**
 * Implements the part of AuthService that publishes the public keys and where they are.
 * @param options.alg algorithm of new keys
 * @param options.maxAge Cache-Control max-age, s
 */
export function publicKeyHandler({
  keyring,
  issuer,
  alg,
  maxAge,
}: {
  readonly keyring: Keyring;
  readonly issuer: string;
  readonly alg: string;
  readonly maxAge: number;
}): Pick<ServiceImpl<typeof AuthService>, 'getJwks' | 'getServerMetadata' | 'getPublicKey'> {
  return {
    getJwks(_, context) {
      const keys = keyring.jwks().map((jwk) => jwk as Omit<Jwk, '$typeName'>);
      cacheable(context, JSON.stringify(keys), maxAge);
      return { keys };
    },

    getServerMetadata(_, context) {
      const algorithms = new Set([alg, ...keyring.jwks().flatMap((jwk) => jwk.alg ?? [])]);
      const metadata = {
        issuer,
        jwksUri: `${issuer}/.well-known/jwks.json`,
        tokenEndpoint: `${issuer}/api/v1/auth/service-token`,
        grantTypesSupported: ['client_credentials'],
        responseTypesSupported: [],
        subjectTypesSupported: ['public'],
        idTokenSigningAlgValuesSupported: [...algorithms],
        tokenEndpointAuthMethodsSupported: ['private_key_jwt'],
        tokenEndpointAuthSigningAlgValuesSupported: ['EdDSA'],
      };
      cacheable(context, JSON.stringify(metadata), maxAge);
      return metadata;
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
