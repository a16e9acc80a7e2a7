import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { findBinaries } from './embedded/binaries.ts';
import { openCluster } from './embedded/cluster.ts';
import { type EmbeddedServer, startEmbedded } from './embedded.ts';
import { temporaryFolders } from './embedded/home.ts';
import { isAlive, isPostmaster, livePostmaster } from './embedded/postmaster.ts';

const asRoot = process.getuid?.() === 0;
let folder: string;
let dataDir: string;
let elsewhere: string;
let started: EmbeddedServer[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(temporaryFolders()[0] ?? '', 'embedded-'));
  // Readable by all users; folders without access have their own tests.
  await chmod(folder, 0o711);
  dataDir = path.join(folder, 'data');
  elsewhere = path.join(folder, 'elsewhere');
  started = [];
});

afterEach(async () => {
  for (const server of started) await server.stop();
  await rm(folder, { recursive: true });
});

async function start(dir = dataDir): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataDir: dir, elsewhere, log: silentLog });
  started.push(server);
  return server;
}

async function query(url: Secret, sql: string): Promise<unknown[]> {
  const client = new Client(url.reveal());
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function leaveMark(server: EmbeddedServer): Promise<void> {
  await query(server.url(), 'CREATE TABLE mark AS SELECT 42 AS n');
}

function mark(server: EmbeddedServer): Promise<unknown[]> {
  return query(server.url(), 'SELECT n FROM mark');
}

const cluster = () => path.join(dataDir, 'postgres', 'cluster', 'data');

function serverPid(): number {
  const pid = livePostmaster(cluster())?.pid;
  if (pid === undefined) throw new Error('no server lives');
  return pid;
}

/** Starts a server from another process, the leader of its own process group, which then waits. */
function startInAnotherProcess(options: { ephemeral?: boolean }) {
  const code = `
    const { startEmbedded } = await import(${JSON.stringify(new URL('embedded.ts', import.meta.url).href)});
    const { silentLog } = await import(${JSON.stringify(new URL('../log/log.ts', import.meta.url).href)});
    const options = ${JSON.stringify({ dataDir, elsewhere, ...options })};
    const server = await startEmbedded({ ...options, log: silentLog });
    const { default: pg } = await import(${JSON.stringify(import.meta.resolve('pg'))});
    const client = new pg.Client(server.url().reveal());
    await client.connect();
    await client.query('CREATE TABLE mark AS SELECT 42 AS n');
    const { rows } = await client.query('SHOW data_directory');
    await client.end();
    console.log(rows[0].data_directory);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const data = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
  return { child, data };
}

async function killGroup(child: ReturnType<typeof spawn>): Promise<void> {
  const gone = once(child, 'exit');
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await gone;
}

test('starts, stops, and keeps data, port and password from one start to the next', async () => {
  const first = await start();
  expect(first.reused).toBe(false);
  expect(await query(first.url(), 'SHOW timezone')).toEqual([{ TimeZone: 'UTC' }]);
  expect(await query(first.url(), 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  await leaveMark(first);
  const pid = serverPid();
  await Promise.all([first.stop(), first.stop()]);
  expect(isPostmaster(pid, cluster())).toBe(false);
  const second = await start();
  expect(second.reused).toBe(false);
  expect(second.url().reveal()).toBe(first.url().reveal());
  expect(await mark(second)).toEqual([{ n: 42 }]);
});

test('requires the password, which only its owner can read', async () => {
  const server = await start();
  const url = new URL(server.url().reveal());
  expect(url.hostname).toBe('127.0.0.1');
  url.password = 'guess';
  await expect(query(new Secret(url.href), 'SELECT 1')).rejects.toThrow('password authentication failed');
  const file = statSync(path.join(dataDir, 'postgres', 'cluster', 'password'));
  expect(file.mode & 0o777).toBe(0o600);
});

test('does not log values of rows', async () => {
  const server = await start();
  await leaveMark(server);
  await query(server.url(), 'CREATE UNIQUE INDEX one ON mark (n)');
  await expect(query(server.url(), 'INSERT INTO mark VALUES (42)')).rejects.toThrow('duplicate key');
  const log = await readFile(path.join(dataDir, 'postgres', 'server.log'), 'utf8');
  expect(log).toContain('duplicate key');
  expect(log).not.toContain('42)');
});

test('reuses a server that survived kill -9 of its process group', async () => {
  const { child, data } = startInAnotherProcess({});
  expect(await data).toBe(cluster());
  const pid = serverPid();
  await killGroup(child);
  const server = await start();
  expect(server.reused).toBe(true);
  expect(serverPid()).toBe(pid);
  expect(await mark(server)).toEqual([{ n: 42 }]);
  await server.stop();
  expect(isPostmaster(pid, cluster())).toBe(false);
});

test('recovers committed data of a server killed with -9', async () => {
  const first = await start();
  await leaveMark(first);
  const pid = serverPid();
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => isPostmaster(pid, cluster()), { interval: 5 }).toBe(false);
  expect(existsSync(path.join(cluster(), 'postmaster.pid'))).toBe(true);
  const second = await start();
  expect(second.reused).toBe(false);
  expect(await mark(second)).toEqual([{ n: 42 }]);
});

test('starts if the pid of its dead server was reused, and does not stop that process', async () => {
  const first = await start();
  await leaveMark(first);
  const { uid, gid } = statSync(cluster());
  // PostgreSQL treats any live process of its user as a server.
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    ...(asRoot ? { uid, gid } : {}),
    cwd: '/',
    stdio: 'ignore',
  });
  onTestFinished(() => void stranger.kill('SIGKILL'));
  const left = readFileSync(path.join(cluster(), 'postmaster.pid'), 'utf8');
  await first.stop();
  const pidFile = path.join(cluster(), 'postmaster.pid');
  await writeFile(pidFile, left.replace(/^\d+/, String(stranger.pid)), { mode: 0o600 });
  if (asRoot) await chown(pidFile, uid, gid);
  const second = await start();
  expect(second.reused).toBe(false);
  expect(await mark(second)).toEqual([{ n: 42 }]);
  await second.stop();
  expect(isAlive(stranger.pid ?? 0)).toBe(true);
});

test('starts over after an initdb that was killed', async () => {
  const { child } = startInAnotherProcess({});
  const home = path.join(dataDir, 'postgres');
  const drafts = () => (existsSync(home) ? readdirSync(home).filter((name) => name.startsWith('init-')) : []);
  await expect
    .poll(() => drafts().some((name) => existsSync(path.join(home, name, 'data', 'PG_VERSION'))), { interval: 1 })
    .toBe(true);
  await killGroup(child);
  expect(existsSync(path.join(home, 'cluster'))).toBe(false);
  const server = await start();
  expect(server.reused).toBe(false);
  await leaveMark(server);
  expect(drafts()).toEqual([]);
});

test('uses another port if its own is in use', async () => {
  const first = await start();
  const { port } = new URL(first.url().reveal());
  await first.stop();
  const other = createServer().listen(Number(port), '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const second = await start();
  expect(new URL(second.url().reveal()).port).not.toBe(port);
  expect(await query(second.url(), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('works in a path with spaces that is longer than a socket path may be', async () => {
  const deep = path.join(dataDir, ...Array.from({ length: 8 }, (_, i) => `a folder with a long name, number ${i}`));
  await mkdir(deep, { recursive: true, mode: 0o711 });
  const server = await start(deep);
  expect(await query(server.url(), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test("reports the server's message if it does not start", async () => {
  const first = await start();
  await first.stop();
  await writeFile(path.join(cluster(), 'PG_VERSION'), '9\n');
  await expect(start()).rejects.toThrow(/did not start on .*incompatible with server/s);
});

test("reports initdb's message if it fails", async () => {
  await start();
  const bin = path.join(folder, 'initdb');
  await writeFile(bin, '#!/bin/sh\necho "initdb: error: No space left on device" >&2\nexit 1\n', { mode: 0o755 });
  const home = { dir: path.join(folder, 'home'), account: undefined };
  await mkdir(home.dir);
  await expect(openCluster(home, bin, false)).rejects.toThrow(/initdb failed .*No space left on device/s);
});

test('removes an ephemeral server and its files after kill -9 of its process', async () => {
  const { child, data } = startInAnotherProcess({ ephemeral: true });
  const directory = await data;
  const pid = livePostmaster(directory)?.pid ?? 0;
  expect(isPostmaster(pid, directory)).toBe(true);
  await killGroup(child);
  await expect.poll(() => isPostmaster(pid, directory)).toBe(false);
  await expect.poll(() => existsSync(path.dirname(path.dirname(directory)))).toBe(false);
});

describe.runIf(asRoot)('as root', () => {
  test('the server runs as another user, who owns its files', async () => {
    await start();
    expect(statSync(cluster()).uid).not.toBe(0);
    expect(statSync(`/proc/${serverPid()}`).uid).toBe(statSync(cluster()).uid);
  });

  test('keeps the files elsewhere if the user has no access to the data directory', async () => {
    await mkdir(dataDir);
    await chmod(dataDir, 0o700);
    const first = await start();
    await leaveMark(first);
    expect(existsSync(path.join(dataDir, 'postgres'))).toBe(false);
    const id = (await readFile(path.join(dataDir, 'postgres-home'), 'utf8')).trim();
    expect(readdirSync(elsewhere)).toContain(id);
    await first.stop();
    expect(await mark(await start())).toEqual([{ n: 42 }]);
  });

  test('a moved data directory keeps its files, and a copy gets new ones', async () => {
    await mkdir(dataDir);
    await chmod(dataDir, 0o700);
    const first = await start();
    await leaveMark(first);
    await first.stop();
    const moved = path.join(folder, 'moved');
    await rename(dataDir, moved);
    const copy = path.join(folder, 'copy');
    const second = await start(moved);
    expect(await mark(second)).toEqual([{ n: 42 }]);
    await cp(moved, copy, { recursive: true });
    await chmod(copy, 0o700);
    const third = await start(copy);
    expect(third.reused).toBe(false);
    await expect(mark(third)).rejects.toThrow('does not exist');
    expect(await mark(second)).toEqual([{ n: 42 }]);
  });

  test('copies programs that the user has no access to', async () => {
    const { postgres } = await findBinaries(undefined, elsewhere);
    const closed = path.join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    await cp(path.resolve(postgres, '../../..'), path.join(closed, 'package'), { recursive: true });
    const account = { uid: 65_533, gid: 65_533 };
    const all = await Promise.all([1, 2].map(() => findBinaries(account, elsewhere, path.join(closed, 'package'))));
    for (const found of all) {
      expect(found.postgres.startsWith(elsewhere)).toBe(true);
      const { stdout } = await promisify(execFile)(found.postgres, ['--version'], { ...account, cwd: '/' });
      expect(stdout).toContain('PostgreSQL');
    }
    expect(readdirSync(elsewhere)).toHaveLength(1);
  });

  test('does not replace a server with an empty one after access was removed', async () => {
    const first = await start();
    await first.stop();
    await chmod(dataDir, 0o700);
    await expect(start()).rejects.toThrow('has no access to it');
  });
});
