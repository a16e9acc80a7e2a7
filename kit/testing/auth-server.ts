import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { decodeJwt } from 'jose';
import { EventEmitter, once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { RevocationService, WatchResponseSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { failureOf } from '#kit/errors/failure.ts';
import type { TestIssuer } from './tokens.ts';

/** Creates errors with the auth service's reason that the revocation feed handles. */
export const failure = failureOf({
  INVALID_CLIENT: { code: Code.Unauthenticated, status: 401, title: "The service's assertion is not valid." },
});

/** A test auth service: issues service tokens and streams revocations. */
export interface AuthServer {
  readonly url: string;
  /** Services whose assertions are accepted; a test may change them. */
  readonly services: Set<string>;
  /** Ends a session. */
  revoke(sessionId: string): void;
  close(): Promise<void>;
}

/** Starts a test auth service on 127.0.0.1, over h2c. It does not verify assertions. */
export async function startAuthServer(issuer: () => TestIssuer, services: readonly string[]): Promise<AuthServer> {
  const known = new Set(services);
  const news = new EventEmitter().setMaxListeners(0);
  const revoked: string[] = [];
  const issued = new Set<string>();

  function routes(router: ConnectRouter): void {
    router.service(ServiceTokenService, {
      async issueServiceToken({ clientAssertion }) {
        const name = decodeJwt(clientAssertion).iss ?? '';
        if (!known.has(name)) throw failure('INVALID_CLIENT');
        const accessToken = await issuer().callerToken(name);
        issued.add(accessToken);
        return { accessToken, tokenType: 'Bearer', expiresIn: 900 };
      },
    });
    router.service(RevocationService, {
      async *watch(_, { requestHeader, signal }) {
        if (!issued.has(requestHeader.get('x-signet-caller') ?? '')) throw failure('CALLER_NOT_ALLOWED');
        for (let at = 0; !signal.aborted;) {
          const expiresAt = Math.floor(Date.now() / 1_000) + 3_610;
          const revocations = revoked.slice(at).map((value) => ({
            target: { case: 'sessionId' as const, value },
            expiresAt,
          }));
          at = revoked.length;
          yield create(WatchResponseSchema, { history: 'h', sequence: String(at), current: true, revocations });
          const within = AbortSignal.any([signal, AbortSignal.timeout(1_000)]);
          await once(news, 'new', { signal: within }).catch(() => undefined);
        }
        throw new ConnectError('over', Code.Unavailable);
      },
    });
  }

  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(connectNodeAdapter({ routes }));
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    services: known,
    revoke(sessionId) {
      revoked.push(sessionId);
      news.emit('new');
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}
