import { Secret } from '#kit/log/secret.ts';
import { type LocalServer, startServer } from './local-server.ts';
import { findProgram } from './programs.ts';

/** The server program. Debian package: nats-server. */
export const natsProgram = findProgram('nats-server');

/** A NATS server of one test, with JetStream on disk. */
export interface TestNats extends LocalServer {
  readonly url: Secret;
}

/** Starts a server. @throws Error if it does not start */
export async function startNats({ password }: { readonly password?: string } = {}): Promise<TestNats> {
  const server = await startServer({
    program: natsProgram,
    args: (port, folder) => [
      '--addr=127.0.0.1',
      `--port=${port}`,
      '--jetstream',
      `--store_dir=${folder}`,
      ...(password === undefined ? [] : ['--user', 'signet', '--pass', password]),
    ],
    ready: 'Server is ready',
  });
  const user = password === undefined ? '' : `signet:${encodeURIComponent(password)}@`;
  return { ...server, url: new Secret(`nats://${user}127.0.0.1:${server.port}`) };
}
