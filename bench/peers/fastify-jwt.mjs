// GET profile with @fastify/jwt, which verifies Signet's tokens with the keys that get-jwks fetches once, and keeps verified
// tokens in its cache.
import fastifyJwt from '@fastify/jwt';
import Fastify from 'fastify';
import buildGetJwks from 'get-jwks';
import { readProfile } from './profile.mjs';

const { KEYS_AT, ISSUER, AUDIENCE } = process.env;
const getJwks = buildGetJwks({ jwksPath: '/.well-known/jwks.json' });

const app = Fastify();
await app.register(fastifyJwt, {
  decode: { complete: true },
  secret: (_, { header: { kid, alg } }) => getJwks.getPublicKey({ kid, alg, domain: KEYS_AT }),
  verify: { algorithms: ['RS256'], allowedIss: ISSUER, allowedAud: AUDIENCE, cache: true },
});
app.get('/profile', { onRequest: (request) => request.jwtVerify() }, (request) => readProfile(request.user.sub));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
