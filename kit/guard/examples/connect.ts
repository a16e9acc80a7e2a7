import type { ConnectRouter } from '@connectrpc/connect';
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify';
import Fastify from 'fastify';
import { EchoService } from '../../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { assertCovered } from '../access.ts';
import { connectGate, userOf } from '../connect.ts';
import { createGuard } from '../guard.ts';
import { remoteJwks } from '../jwks.ts';

function routes(router: ConnectRouter) {
  router.service(EchoService, {
    private: (_, { values }) => ({ text: `Hello, ${userOf(values).email}` }),
    adminOnly: () => ({ text: 'Hello, admin' }),
  });
}

/** A Connect service that admits by its methods' own access rules. */
export async function connectServer(issuer: string) {
  assertCovered([EchoService]);
  const keys = remoteJwks({ url: `${issuer}/.well-known/jwks.json` });
  const guard = createGuard({ issuer, audience: 'signet', algorithms: ['RS256', 'ES256'], keys });
  const app = Fastify({ http: { joinDuplicateHeaders: true } });
  await app.register(fastifyConnectPlugin, { routes, requestGate: connectGate(guard) });
  app.addHook('onClose', async () => guard.close());
  return app;
}
