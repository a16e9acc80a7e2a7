import Fastify from 'fastify';
import { fastifyGate, userOfRequest } from '../fastify.ts';
import { createGuard } from '../guard.ts';
import { remoteJwks } from '../jwks.ts';

/** Plain HTTP routes, whose access rules stand beside them. */
export function httpServer(issuer: string) {
  const keys = remoteJwks({ url: `${issuer}/.well-known/jwks.json` });
  const guard = createGuard({ issuer, audience: 'signet', algorithms: ['RS256', 'ES256'], keys });
  const app = Fastify();
  app.get('/me', { onRequest: fastifyGate(guard, {}) }, async (request) => ({ email: userOfRequest(request).email }));
  app.get('/admin', { onRequest: fastifyGate(guard, { roles: ['admin'] }) }, async () => ({ hello: 'admin' }));
  app.addHook('onClose', async () => guard.close());
  return app;
}
