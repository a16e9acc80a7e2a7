import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createLog, silentLog } from '#kit/log/log.ts';
import { serverAccount } from './embedded/account.ts';
import { temporaryFolders } from './embedded/home.ts';
import { isAlive } from './embedded/postmaster.ts';
import { type EmbeddedServer, startEmbedded } from './embedded.ts';
import { lockDataDir } from './lock.ts';
import { isRoot } from './plain-files.ts';

/** Traps that another user can set in folders where root works. Each must be refused with a message. */

let folder: string;
let dataDir: string;
let victim: string;
let server: EmbeddedServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(temporaryFolders()[0] ?? '', 'root-'));
  chmodSync(folder, 0o711);
  dataDir = path.join(folder, 'data');
  victim = path.join(folder, 'victim');
  writeFileSync(victim, 'of root', { mode: 0o600 });
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(folder, { recursive: true });
});

async function start(log = silentLog): Promise<EmbeddedServer> {
  server = await startEmbedded({ dataDir, elsewhere: path.join(folder, 'elsewhere'), log });
  return server;
}

async function startAndStop(): Promise<void> {
  await (await start()).stop();
  server = undefined;
}

const home = (...parts: string[]) => path.join(dataDir, 'postgres', ...parts);
const account = () => statSync(home('cluster', 'data'));

/** The layout of earlier versions: the server's account owns everything. */
function giveEverythingAway(): void {
  const { uid, gid } = account();
  execFileSync('chown', ['-R', `${uid}:${gid}`, home()]);
  for (const dir of [home(), home('cluster')]) chmodSync(dir, 0o700);
}

/** A data directory of an earlier version, made once for the tests that only put a trap into it. */
let old: string;
beforeAll(async () => {
  if (!isRoot) return;
  old = await mkdtemp(path.join(temporaryFolders()[0] ?? '', 'root-'));
  chmodSync(old, 0o711);
  dataDir = path.join(old, 'data');
  const made = await startEmbedded({ dataDir, log: silentLog });
  await made.stop();
  giveEverythingAway();
});
afterAll(async () => {
  if (isRoot) await rm(old, { recursive: true });
});

function useOldLayout(): void {
  execFileSync('cp', ['-a', path.join(old, 'data'), dataDir]);
}

function expectUnharmed(): void {
  const { uid, mode, nlink } = statSync(victim);
  expect([uid, mode & 0o777, readFileSync(victim, 'utf8')]).toEqual([0, 0o600, 'of root']);
  expect(nlink).toBeLessThanOrEqual(2);
}

describe.runIf(isRoot)('as root', () => {
  const traps = {
    'a symbolic link': (file: string) => symlinkSync(victim, file),
    'a link to nothing yet': (file: string) => symlinkSync(`${victim}-new`, file),
    'a hard link': (file: string) => linkSync(victim, file),
    'a named pipe': (file: string) => execFileSync('mkfifo', [file]),
  };
  const files = ['server.log', 'server.log.old', 'port', 'owner', 'cluster/password', 'cluster/data/postmaster.pid'];

  test.each(files.flatMap((file) => Object.keys(traps).map((trap) => [file, trap] as const)))(
    '%s that is %s is neither opened nor changed',
    async (file, trap) => {
      useOldLayout();
      rmSync(home(file), { force: true });
      traps[trap as keyof typeof traps](home(file));
      await expect(start()).rejects.toThrow(/postgres\/.* (is not a plain file|has a hard link)/);
      expectUnharmed();
      expect(existsSync(`${victim}-new`)).toBe(false);
    },
  );

  test.each(['.', 'cluster', 'cluster/data'])(
    'a link instead of the folder postgres/%s is not followed',
    async (dir) => {
      useOldLayout();
      const elsewhere = path.join(folder, 'target');
      renameSync(home(dir), elsewhere);
      symlinkSync(elsewhere, home(dir));
      const before = statSync(elsewhere);
      await expect(start()).rejects.toThrow('is not a folder');
      expect(statSync(elsewhere)).toMatchObject({ uid: before.uid, mode: before.mode });
    },
  );

  test("refuses a data directory that is another user's link or folder, or writable by others, and writes nothing", async () => {
    const target = path.join(folder, 'etc');
    const state = () => readdirSync(target);
    const refused = async (why: string) => {
      expect(() => lockDataDir(dataDir)).toThrow(why);
      await expect(start()).rejects.toThrow(why);
      expect(state()).toEqual([]);
      rmSync(dataDir, { recursive: true });
    };
    mkdirSync(target, { mode: 0o711 });

    symlinkSync(target, dataDir);
    lchownSync(dataDir, 65_534, 65_534);
    await refused('belongs to user 65534');

    mkdirSync(dataDir);
    chownSync(dataDir, 65_534, 65_534);
    await refused('belongs to user 65534');

    for (const mode of [0o777, 0o1777, 0o770]) {
      mkdirSync(dataDir);
      chmodSync(dataDir, mode);
      await refused('is writable by other users');
    }

    mkdirSync(dataDir);
    chmodSync(folder, 0o777);
    await refused('is writable by every user');
    chmodSync(folder, 0o711);
  });

  test('accepts a data directory that is a link of root', async () => {
    const target = path.join(folder, 'disk');
    mkdirSync(target, { mode: 0o711 });
    symlinkSync(target, dataDir);
    lockDataDir(dataDir).release();
    await startAndStop();
    expect(readdirSync(target).toSorted()).toEqual(['lock', 'pid', 'postgres']);
  });

  test('does not write lock and pid through a link', () => {
    mkdirSync(dataDir, { mode: 0o711 });
    symlinkSync(victim, path.join(dataDir, 'pid'));
    lockDataDir(dataDir).release();
    expectUnharmed();
    expect(readFileSync(path.join(dataDir, 'pid'), 'utf8')).toBe(`${process.pid}\n`);
  });

  test("root owns everything but PostgreSQL's data, and its user cannot write elsewhere", async () => {
    await start();
    const { uid, gid } = account();
    expect(uid).not.toBe(0);
    for (const file of ['.', 'server.log', 'port', 'cluster', 'cluster/password'])
      expect(statSync(home(file)).uid).toBe(0);
    for (const dir of [dataDir, home(), home('cluster')]) {
      const { status } = spawnSync('touch', [path.join(dir, 'x')], { uid, gid, cwd: '/' });
      expect(status, dir).not.toBe(0);
    }
    for (const file of ['server.log', 'cluster/password']) {
      expect(spawnSync('cat', [home(file)], { uid, gid, cwd: '/' }).status, file).not.toBe(0);
    }
  });

  test("changes the owner of an earlier version's files to root, except the data", async () => {
    const first = await start();
    const query = async (one: EmbeddedServer, sql: string) => {
      const client = new Client(one.url().reveal());
      await client.connect();
      const { rows } = await client.query(sql);
      await client.end();
      return rows;
    };
    await query(first, 'CREATE TABLE mark AS SELECT 42 AS n');
    await first.stop();
    const { uid } = account();
    giveEverythingAway();
    const second = await start();
    expect(await query(second, 'SELECT n FROM mark')).toEqual([{ n: 42 }]);
    expect(second.url().reveal()).toBe(first.url().reveal());
    for (const file of ['.', 'server.log', 'port', 'cluster', 'cluster/password'])
      expect(statSync(home(file)).uid).toBe(0);
    expect(account().uid).toBe(uid);
  });

  test('removes files of an interrupted start, without following links', async () => {
    await startAndStop();
    const { uid, gid } = account();
    renameSync(home('cluster'), home('init-deadbeef'));
    const treasure = path.join(folder, 'treasure');
    mkdirSync(treasure);
    writeFileSync(path.join(treasure, 'kept'), '');
    symlinkSync(treasure, home('init-deadbeef', 'data', 'link'));
    lchownSync(home('init-deadbeef', 'data', 'link'), uid, gid);
    await start();
    expect(readdirSync(home())).not.toContain('init-deadbeef');
    expect(readdirSync(treasure)).toEqual(['kept']);
  });

  test('does not treat a process of root as the server, whatever postmaster.pid says', async () => {
    const first = await start();
    const pidFile = home('cluster', 'data', 'postmaster.pid');
    const left = readFileSync(pidFile, 'utf8');
    await first.stop();
    const data = home('cluster', 'data');
    const ours = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', data], { stdio: 'ignore' });
    onTestFinished(() => void ours.kill('SIGKILL'));
    const { uid, gid } = account();
    writeFileSync(pidFile, left.replace(/^\d+/, String(ours.pid)), { mode: 0o600 });
    chownSync(pidFile, uid, gid);
    const second = await start();
    expect(second.reused).toBe(false);
    second.interrupt();
    await second.stop();
    expect(isAlive(ours.pid ?? 0)).toBe(true);
  });

  test('runs the server as signet if that user exists, otherwise as nobody with a warning', async () => {
    const users = 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/x\npostgres:x:70:70::/:/x\n';
    expect(serverAccount('', `${users}signet:x:900:901::/:/x\n`)).toEqual({ name: 'signet', uid: 900, gid: 901 });
    expect(serverAccount('', users)).toEqual({ name: 'nobody', uid: 65_534, gid: 65_534 });
    expect(() => serverAccount('', 'postgres:x:70:70::/:/x\n')).toThrow('no user signet or nobody');

    const passwd = readFileSync('/etc/passwd', 'utf8');
    const lines: string[] = [];
    await start(createLog({ level: 'warn', format: 'json', destination: { write: (line) => void lines.push(line) } }));
    expect(readFileSync('/etc/passwd', 'utf8')).toBe(passwd);
    const warned = lines.filter((line) => line.includes('PostgreSQL runs as user nobody'));
    expect(warned).toHaveLength(/^signet:/m.test(passwd) ? 0 : 1);
  });
});
