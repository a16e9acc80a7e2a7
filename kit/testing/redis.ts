import { Secret } from '#kit/log/secret.ts';
import { type LocalServer, startServer } from './local-server.ts';
import { findProgram } from './programs.ts';

/** The server program. Debian package: redis-server. */
export const redisProgram = findProgram('redis-server', 'valkey-server');

/** A Redis or Valkey server of one test, in memory: it is empty after a start. */
export interface TestRedis extends LocalServer {
  readonly url: Secret;
}

/** Starts a server. @throws Error if it does not start */
export async function startRedis({ password }: { readonly password?: string } = {}): Promise<TestRedis> {
  const server = await startServer({
    program: redisProgram,
    args: (port, dir) => {
      const settings = { port: String(port), bind: '127.0.0.1', dir, save: '', appendonly: 'no', daemonize: 'no' };
      const secret = password === undefined ? {} : { requirepass: password };
      return Object.entries({ ...settings, ...secret }).flatMap(([name, value]) => [`--${name}`, value]);
    },
    ready: 'Ready to accept connections',
  });
  const user = password === undefined ? '' : `:${password}@`;
  return { ...server, url: new Secret(`redis://${user}127.0.0.1:${server.port}`) };
}
