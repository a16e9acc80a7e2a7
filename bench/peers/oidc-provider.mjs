// oidc-provider with its adapter in memory: refresh tokens of a public client, and client credentials with
// private_key_jwt. Its access tokens are JWTs, signed with RS256, like Signet's.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const { PORT, CLIENT_KEY } = process.env;
const resource = 'urn:bench';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [
    {
      client_id: 'app',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example.com/callback'],
    },
    {
      client_id: 'machine',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'EdDSA',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      jwks: { keys: [JSON.parse(CLIENT_KEY)] },
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
  enabledJWA: { clientAuthSigningAlgValues: ['EdDSA'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'api',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 900,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  rotateRefreshToken: true,
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
});

/** Makes a refresh token as the authorization code grant would. */
async function refreshToken(accountId) {
  const client = await provider.Client.find('app');
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(resource, 'api');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: 'authorization_code',
    resource,
    scope: 'offline_access api',
    rotations: 0,
  });
  return token.save();
}

const handle = provider.callback();
const prefix = '/bench/refresh-tokens/';

async function answer(request, response) {
  if (!request.url.startsWith(prefix)) return handle(request, response);
  const count = Number(request.url.slice(prefix.length));
  const tokens = await Promise.all(Array.from({ length: count }, (_, index) => refreshToken(`person${index}`)));
  return response.end(JSON.stringify(tokens));
}

createServer((request, response) => {
  answer(request, response).catch((error) => response.destroy(error));
}).listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
