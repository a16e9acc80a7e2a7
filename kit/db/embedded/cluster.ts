import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Secret } from '#kit/log/secret.ts';
import { type Account, EmbeddedError } from './account.ts';
import type { Home } from './home.ts';

/** The files of a database cluster. */
export interface Cluster {
  /** PostgreSQL's data directory. */
  readonly data: string;
  readonly password: Secret;
}

/** The cluster's only role, and its superuser. */
export const superuser = 'signet';

/** Settings of a child process of ours: as the given account, with nothing of our environment that could sway it. */
export function childOptions(home: Home) {
  const { account } = home;
  return {
    // Ours may be out of the account's reach.
    cwd: home.dir,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', SystemRoot: process.env['SystemRoot'] },
    windowsHide: true,
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  };
}

/**
 * Opens a home's cluster, making it where there is none. It is made in a folder
 * that gets its name when all is done, so one that was interrupted is never met.
 * @throws EmbeddedError with initdb's own words when it fails
 */
export async function openCluster(home: Home, initdb: string, ephemeral: boolean): Promise<Cluster> {
  const dir = path.join(home.dir, 'cluster');
  if (!existsSync(dir)) {
    await sweep(home);
    const draft = path.join(home.dir, `init-${randomBytes(4).toString('hex')}`);
    mkdirSync(draft, { mode: 0o700 });
    give(draft, home.account);
    const pwfile = path.join(draft, 'password');
    writeFileSync(pwfile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    give(pwfile, home.account);
    await runInitdb(home, initdb, [
      `--pgdata=${path.join(draft, 'data')}`,
      `--username=${superuser}`,
      `--pwfile=${pwfile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // PostgreSQL's own, the same on every system.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(ephemeral ? ['--no-sync'] : []),
    ]);
    renameSync(draft, dir);
  }
  return { data: path.join(dir, 'data'), password: new Secret(readFileSync(path.join(dir, 'password'), 'utf8')) };
}

/** Removes what interrupted attempts left. One that is still being made fails then, and nobody waits for it. */
async function sweep(home: Home): Promise<void> {
  const drafts = readdirSync(home.dir).filter((name) => name.startsWith('init-'));
  await Promise.all(
    drafts.map((name) => rm(path.join(home.dir, name), { recursive: true, force: true, maxRetries: 10 })),
  );
}

function give(file: string, account: Account | undefined): void {
  if (account) chownSync(file, account.uid, account.gid);
}

async function runInitdb(home: Home, initdb: string, args: string[]): Promise<void> {
  const child = spawn(initdb, args, { ...childOptions(home), stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const outcome = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? '' : `exit ${code ?? signal}`));
  });
  if (outcome === '') return;
  const lines = Buffer.concat(output).toString().trim().split('\n').slice(-8);
  throw new EmbeddedError(`initdb failed in ${home.dir} (${outcome}):\n  ${lines.join('\n  ')}`);
}
