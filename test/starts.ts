import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';
import { temporaryFolders } from '#kit/db/embedded/home.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import { servicesWithData } from '../services/registry.ts';
import { portKeys as servicePorts } from './ports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The keys of all ports that a start opens. */
export const portKeys = [...servicePorts, 'SIGNET_METRICS_PORT'];
const anyPorts = Object.fromEntries(portKeys.map((key) => [key, '0']));

/** A new folder that the user of PostgreSQL can enter. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(temporaryFolders()[0] ?? tmpdir(), 'signet-start-'));
  // As root, PostgreSQL runs as another user, which needs access to its files here.
  await chmod(folder, 0o711);
  return folder;
}

/** A data directory with every table and no row, created once. A copy takes a tenth of the time of a first start. */
let prepared: Promise<string> | undefined;

async function prepareDataDir(): Promise<string> {
  const folder = await newFolder();
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const server = await startEmbedded({ dataDir: folder, log: silentLog });
  for (const { name } of servicesWithData) await migrate({ url: server.url(), ...migrationsOf(name), log: silentLog });
  await server.stop();
  return folder;
}

/**
 * Starts `npm start` and `npm run fleet` on a data directory per test and stops them after the test.
 * @param kind `prepared`: a database with all tables; `empty`: no files
 */
export function useStarts(kind: 'prepared' | 'empty' = 'prepared') {
  let dataDir: string;
  const running = new Set<ChildProcess>();

  beforeEach(async () => {
    dataDir = await newFolder();
    // `cp -a` keeps the owner of the files.
    if (kind === 'prepared') execFileSync('cp', ['-a', `${await (prepared ??= prepareDataDir())}/.`, dataDir]);
  });
  afterEach(async () => {
    await stopAll();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function stopAll(): Promise<void> {
    const ends = [...running].map(async (child) => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    });
    await Promise.all(ends);
  }

  /** Starts `services/<name>/main.ts`. `banner` resolves when the start has printed it. */
  function startOf(name: 'all' | 'fleet', environment: Record<string, string>) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', `services/${name}/main.ts`], {
      cwd: root,
      env: {
        ...childEnvironment,
        SIGNET_DATA_DIR: dataDir,
        SIGNET_LOG_LEVEL: 'warn',
        ...anyPorts,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let output = '';
    const exited = once(child, 'exit').then(([code]) => {
      running.delete(child);
      return { code: code as number | null, output };
    });
    const banner = new Promise<{ edge: string; output: string }>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        const edge = /edge\s+(http:\S+)/.exec(output)?.[1];
        if (edge && output.includes('--list-methods')) resolve({ edge, output });
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      exited.then((end) => reject(new Error(end.output)), reject);
    });
    banner.catch(() => undefined);
    return { child, banner, exited, output: () => output };
  }

  return { startOf, stopAll, running, dataDir: () => dataDir };
}
