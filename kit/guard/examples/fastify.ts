import Fastify from 'fastify';
import { fastifyGate, userOfRequest } from '../fastify.ts';
import { createServiceGuard } from '../service-guard.ts';

/** Plain HTTP routes with inline access rules. */
export function httpServer(issuer: string, authUrl: string, key: string) {
  const service = { name: 'greeter', key, authUrl };
  const guard = createServiceGuard({ ...service, issuer, audience: 'signet', algorithms: ['RS256', 'ES256'] });
  const app = Fastify();
  app.get('/me', { onRequest: fastifyGate(guard, {}) }, async (request) => ({ id: userOfRequest(request).subject }));
  app.get('/admin', { onRequest: fastifyGate(guard, { roles: ['admin'] }) }, async () => ({ hello: 'admin' }));
  app.get('/ready', async (_, reply) => reply.code(guard.isReady() ? 200 : 503).send({ missing: guard.obstacle() }));
  app.addHook('onClose', async () => guard.close());
  return app;
}
