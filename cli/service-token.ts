import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import { createClient, type Transport } from '@connectrpc/connect';
import { SignJWT } from 'jose';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { misuse } from './failures.ts';

/** A service, as it proves who it is. */
export interface ServiceCredentials {
  readonly name: string;
  /** SIGNET_SERVICE_KEY: an Ed25519 seed, 43 characters of base64url. */
  readonly key: string;
  /** The `iss` of the Signet that is asked, and so the assertion's audience. */
  readonly issuer: string;
}

/** Signs in as a service (private_key_jwt, RFC 7523), and answers its access token. */
export async function serviceToken(transport: Transport, { name, key, issuer }: ServiceCredentials): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const clientAssertion = await new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer(name)
    .setSubject(name)
    .setAudience(issuer)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + 30)
    .sign(privateKeyOf(key));
  const { accessToken } = await createClient(ServiceTokenService, transport).issueServiceToken({
    grantType: 'client_credentials',
    clientAssertionType: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    clientAssertion,
  });
  return accessToken;
}

/** What stands before the seed in a PKCS #8 private key of Ed25519 (RFC 8410 section 7). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

function privateKeyOf(written: string): KeyObject {
  if (!/^[\w-]{43}$/.test(written)) throw misuse('SIGNET_SERVICE_KEY must be 43 characters of base64url.');
  const seed = Buffer.from(written, 'base64url');
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}
