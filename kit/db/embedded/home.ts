import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmdirSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { look, ownFolder, readPlain, replaceFile, takeFile, takeFolder } from '../plain-files.ts';
import { type Account, canReach, EmbeddedError, serverAccount } from './account.ts';

/**
 * Where a server's files are. As root, they are root's: the server's account may pass through, and owns nothing but
 * PostgreSQL's own data directory, `cluster/data`. It can so put no link where root writes.
 */
export interface Home {
  /** Absolute, without symbolic links. */
  readonly dir: string;
  /** The user that the server runs as; undefined: ourselves. */
  readonly account: Account | undefined;
}

/** A server's data directory, below its home. */
export function dataOf(home: string): string {
  return path.join(home, 'cluster', 'data');
}

/**
 * Finds or makes the home of a data directory's server: `<dataDir>/postgres`.
 * Where we are root and the server's user can't get there, it is
 * `<elsewhere>/<id>`, and `<dataDir>/postgres-home` keeps the id. A copy of a
 * data directory gets a home of its own; one that was moved keeps its home.
 * @throws EmbeddedError when a home is there but can't be used
 * @throws UntrustedFileError where we are root and another user could lead us to other files
 */
export function openHome(dataDir: string, elsewhere: string): Home {
  const data = ownFolder(dataDir, 0o711);
  const near = path.join(data, 'postgres');
  const account = serverAccount(dataOf(near));
  const note = path.join(data, 'postgres-home');
  if (!account) {
    if (existsSync(note)) {
      throw new EmbeddedError(`the database of ${data} was made by root: run as root, or set SIGNET_DATA_DIR.`);
    }
    const home = { dir: make(near, account), account };
    if (statSync(near).uid !== (process.getuid?.() ?? statSync(near).uid)) {
      throw new EmbeddedError(`${near} belongs to another user: run as that user or as root, or set SIGNET_DATA_DIR.`);
    }
    return home;
  }
  if (look(near)) {
    if (canReach(data, account)) return { dir: make(near, account), account };
    throw new EmbeddedError(
      `the database in ${near} belongs to user ${account.uid}, who can no longer get there. ` +
        'Give the folders above it mode 711.',
    );
  }
  if (!existsSync(note) && canReach(data, account)) return { dir: make(near, account), account };
  return distantHome(data, note, elsewhere);
}

/** Space in memory from which ephemeral data may live there, bytes. */
const roomInMemory = 4 * 1024 ** 3;

/** Makes a home that nobody looks for later. */
export function temporaryHome(elsewhere: string): Home {
  const account = serverAccount('');
  let parent = temporaryFolders().find((folder) => !account || canReach(folder, account));
  parent ??= ownFolder(elsewhere, 0o755);
  const dir = mkdtempSync(path.join(parent, 'signet-'));
  if (account) chmodSync(dir, passable);
  return { dir, account };
}

/**
 * Folders for what may be lost, best first: in memory where there is room, then
 * the system's. A new database is 300 new files, and a disk may take a
 * millisecond for each.
 */
export function temporaryFolders(): string[] {
  return [...(hasRoom('/dev/shm') ? ['/dev/shm'] : []), realpathSync(tmpdir())];
}

/**
 * Removes a folder below which a data directory is. As root, the account empties the latter: root must not walk a tree
 * that another user may put links into meanwhile.
 */
export async function removeTree(dir: string, account: Account | undefined): Promise<void> {
  if (account) {
    for (const data of [path.join(dir, 'data'), dataOf(dir)]) {
      if (!look(data)) continue;
      await empty(data, account);
      rmdirSync(data);
    }
  }
  await rm(dir, { recursive: true, force: true, maxRetries: 10 });
}

/** Resolves when the account has removed all that it can; the folder itself is not its to remove. */
function empty(dir: string, { uid, gid }: Account): Promise<void> {
  return new Promise((resolve) => {
    execFile('rm', ['-rf', '--', dir], { uid, gid, cwd: '/' }, () => resolve());
  });
}

function hasRoom(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= roomInMemory;
  } catch {
    return false;
  }
}

function distantHome(data: string, note: string, elsewhere: string): Home {
  const parent = ownFolder(elsewhere, 0o755);
  let id = readPlain(note)?.trim();
  if (id !== undefined && !/^[0-9a-f]{32}$/.test(id)) throw new EmbeddedError(`${note} is damaged.`);
  if (id === undefined || isCopy(path.join(parent, id), data)) {
    id = randomBytes(16).toString('hex');
    replaceFile(note, `${id}\n`, 0o644);
  }
  const dir = path.join(parent, id);
  const account = serverAccount(dataOf(dir));
  make(dir, account);
  replaceFile(path.join(dir, 'owner'), data);
  return { dir, account };
}

/** Tells whether a data directory is a copy of the one that a home belongs to. */
function isCopy(home: string, data: string): boolean {
  const owner = readPlain(path.join(home, 'owner'));
  if (owner === undefined || owner === data) return false;
  const note = path.join(owner, 'postgres-home');
  return existsSync(note) && readPlain(note)?.trim() === path.basename(home);
}

/** Root's, for the server's account to pass through. */
const passable = 0o711;

function make(dir: string, account: Account | undefined): string {
  if (!look(dir)) mkdirSync(dir, { mode: account ? passable : 0o700 });
  else if (account) takeOver(dir);
  return dir;
}

/** Makes root's what an earlier version gave to the server's account, before anything of it is opened. */
function takeOver(home: string): void {
  takeFolder(home, passable);
  for (const name of ['server.log', 'server.log.old', 'port', 'owner']) takeFile(path.join(home, name));
  const cluster = path.join(home, 'cluster');
  if (!look(cluster)) return;
  takeFolder(cluster, passable);
  takeFile(path.join(cluster, 'password'));
  if (!look(dataOf(home))?.isDirectory()) throw new EmbeddedError(`${dataOf(home)} is not a folder.`);
}
