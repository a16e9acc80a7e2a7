import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Secret } from '#kit/log/secret.ts';
import { look, readPlain } from '../plain-files.ts';
import { type Account, EmbeddedError } from './account.ts';
import { dataOf, type Home, removeTree } from './home.ts';

/** A database cluster. */
export interface Cluster {
  /** PostgreSQL's data directory. */
  readonly data: string;
  readonly password: Secret;
}

/** The cluster's superuser. */
export const superuser = 'signet';

/** Returns options of a child process: the account, and a minimal environment that does not influence PostgreSQL. */
export function childOptions(home: Home) {
  const { account } = home;
  return {
    // The account may have no access to the current directory.
    cwd: home.dir,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', SystemRoot: process.env['SystemRoot'] },
    windowsHide: true,
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  };
}

/**
 * Opens a home's cluster, creating it if missing. Creation is atomic: it happens in a
 * temporary folder that is renamed at the end.
 * @throws EmbeddedError with initdb's output if it fails
 */
export async function openCluster(home: Home, initdb: string, ephemeral: boolean): Promise<Cluster> {
  const dir = path.join(home.dir, 'cluster');
  if (!look(dir)) {
    await sweep(home);
    const draft = path.join(home.dir, `init-${randomBytes(4).toString('hex')}`);
    // Owned by root like the home. The account owns only the data and initdb's password file.
    mkdirSync(draft, { mode: home.account ? 0o711 : 0o700 });
    const data = path.join(draft, 'data');
    mkdirSync(data, { mode: 0o700 });
    give(data, home.account);
    const password = randomBytes(24).toString('base64url');
    const pwfile = path.join(draft, 'initdb-password');
    writeFileSync(pwfile, password, { mode: 0o600, flag: 'wx' });
    give(pwfile, home.account);
    await runInitdb(home, initdb, [
      `--pgdata=${data}`,
      `--username=${superuser}`,
      `--pwfile=${pwfile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // PostgreSQL's builtin locale, the same on every system.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(ephemeral ? ['--no-sync'] : []),
    ]);
    rmSync(pwfile);
    writeFileSync(path.join(draft, 'password'), password, { mode: 0o600, flag: 'wx' });
    renameSync(draft, dir);
  }
  const password = readPlain(path.join(dir, 'password'));
  if (password === undefined) throw new EmbeddedError(`${path.join(dir, 'password')} is missing.`);
  return { data: dataOf(home.dir), password: new Secret(password) };
}

/** Removes folders of interrupted attempts. An attempt still in progress fails, but no process waits for it. */
async function sweep(home: Home): Promise<void> {
  const drafts = readdirSync(home.dir).filter((name) => name.startsWith('init-'));
  await Promise.all(drafts.map((name) => removeTree(path.join(home.dir, name), home.account)));
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
