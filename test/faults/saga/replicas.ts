import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '#kit/testing/child.ts';

const program = fileURLToPath(new URL('replica.ts', import.meta.url));

/** Replicas of the order service. One that dies is started again. */
export interface Replicas {
  /** The gRPC address of a replica; waits while it starts. */
  target(place: number): Promise<string>;
  /** How many were killed. */
  kills(): number;
  /** What they wrote. */
  output(): string;
  close(): Promise<void>;
}

/** Starts replicas, one per environment, and waits until they are ready. */
export async function startReplicas(environments: readonly Record<string, string>[]): Promise<Replicas> {
  let closing = false;
  let kills = 0;
  let output = '';
  const children = new Set<ChildProcess>();
  const targets: Promise<string>[] = [];

  function start(place: number): void {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
      env: { ...childEnvironment, ...environments[place], SIGNET_ORDER_PORT: '0', SIGNET_LOG_FORMAT: 'json' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let isReady = false;
    let seen = '';
    const read = (chunk: Buffer) => {
      output += chunk;
      seen += chunk;
      const [, port] = /"port":(\d+),[^\n]*"msg":"order is ready"/.exec(seen) ?? [];
      if (port === undefined) return;
      isReady = true;
      resolve(`127.0.0.1:${port}`);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    targets[place] = promise;
    promise.catch(() => undefined);
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (closing) return;
      if (signal === 'SIGKILL') kills += 1;
      else output += `a replica ended with ${code ?? signal}\n`;
      // One that cannot start would be started for ever.
      if (!isReady && signal !== 'SIGKILL') return reject(new Error(`a replica does not start:\n${seen}`));
      start(place);
      resolve(targets[place]!);
    });
  }

  environments.forEach((_, place) => start(place));
  await Promise.all(targets);
  return {
    target: (place) => targets[place % targets.length]!,
    kills: () => kills,
    output: () => output,
    async close() {
      closing = true;
      await Promise.all(
        [...children].map(
          (child) =>
            new Promise((resolve) => {
              child.once('exit', resolve);
              child.kill('SIGKILL');
            }),
        ),
      );
    },
  };
}
