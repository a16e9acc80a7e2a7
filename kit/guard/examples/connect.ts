import type { ConnectRouter } from '@connectrpc/connect';
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify';
import Fastify from 'fastify';
import { EchoService } from '../../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { guardedConnect, userOf } from '../connect.ts';
import { createServiceGuard } from '../service-guard.ts';

function routes(router: ConnectRouter) {
  router.service(EchoService, {
    private: (_, { values }) => ({ text: `Hello, ${userOf(values).subject}` }),
    adminOnly: () => ({ text: 'Hello, admin' }),
  });
}

/** A Connect service that enforces its methods' access rules. */
export async function connectServer(issuer: string, authUrl: string, key: string) {
  const service = { name: 'greeter', key, authUrl };
  const guard = createServiceGuard({ ...service, issuer, audience: 'signet', algorithms: ['RS256', 'ES256'] });
  const app = Fastify({ http: { joinDuplicateHeaders: true } });
  await app.register(fastifyConnectPlugin, guardedConnect(guard, routes));
  app.addHook('onClose', async () => guard.close());
  return app;
}
