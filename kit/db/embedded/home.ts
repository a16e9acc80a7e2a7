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
 * The folder of a server's files. If this process is root, root owns the files: the server's account may traverse the
 * folder and owns only PostgreSQL's data directory, `cluster/data`, so it cannot create links where root writes.
 */
export interface Home {
  /** Absolute path without symbolic links. */
  readonly dir: string;
  /** The account that the server runs as; undefined: the current user. */
  readonly account: Account | undefined;
}

/** Returns PostgreSQL's data directory in a home. */
export function dataOf(home: string): string {
  return path.join(home, 'cluster', 'data');
}

/**
 * Opens the home of a data directory's server, creating it if missing:
 * `<dataDir>/postgres`. If this process is root and the server's account has no access
 * there, the home is `<elsewhere>/<id>`, and `<dataDir>/postgres-home` has the id. A
 * copied data directory gets a new home; a moved one keeps its home.
 * @throws EmbeddedError if an existing home cannot be used
 * @throws UntrustedFileError if this process is root and another user could redirect it to other files
 */
export function openHome(dataDir: string, elsewhere: string): Home {
  const data = ownFolder(dataDir, 0o711);
  const near = path.join(data, 'postgres');
  const account = serverAccount(dataOf(near));
  const note = path.join(data, 'postgres-home');
  if (!account) {
    if (existsSync(note)) {
      throw new EmbeddedError(`the database of ${data} was created by root: run as root, or set SIGNET_DATA_DIR.`);
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
      `the database in ${near} belongs to user ${account.uid}, who has no access to it. ` +
        'Set mode 711 on the folders above it.',
    );
  }
  if (!existsSync(note) && canReach(data, account)) return { dir: make(near, account), account };
  return distantHome(data, note, elsewhere);
}

/** Free memory required for ephemeral data in memory, bytes. */
const roomInMemory = 4 * 1024 ** 3;

/** Creates a temporary home. */
export function temporaryHome(elsewhere: string): Home {
  const account = serverAccount('');
  let parent = temporaryFolders().find((folder) => !account || canReach(folder, account));
  parent ??= ownFolder(elsewhere, 0o755);
  const dir = mkdtempSync(path.join(parent, 'signet-'));
  if (account) chmodSync(dir, passable);
  return { dir, account };
}

/**
 * Returns folders for temporary data in order of preference: in memory if there is
 * room, then the system's. A new database has 300 files, and a disk may take a
 * millisecond for each.
 */
export function temporaryFolders(): string[] {
  return [...(hasRoom('/dev/shm') ? ['/dev/shm'] : []), realpathSync(tmpdir())];
}

/**
 * Removes a folder that contains a data directory. If this process is root, the data directory is emptied as its
 * account: root must not walk a tree in which another user can create links.
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

/** Empties a folder as the account, which may not remove the folder itself. */
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

/** Returns whether a data directory is a copy of the one that a home belongs to. */
function isCopy(home: string, data: string): boolean {
  const owner = readPlain(path.join(home, 'owner'));
  if (owner === undefined || owner === data) return false;
  const note = path.join(owner, 'postgres-home');
  return existsSync(note) && readPlain(note)?.trim() === path.basename(home);
}

/** Mode of root's folders that the server's account may traverse. */
const passable = 0o711;

function make(dir: string, account: Account | undefined): string {
  if (!look(dir)) mkdirSync(dir, { mode: account ? passable : 0o700 });
  else if (account) takeOver(dir);
  return dir;
}

/** Changes the owner of files that an earlier version gave to the server's account to root, before opening them. */
function takeOver(home: string): void {
  takeFolder(home, passable);
  for (const name of ['server.log', 'server.log.old', 'port', 'owner']) takeFile(path.join(home, name));
  const cluster = path.join(home, 'cluster');
  if (!look(cluster)) return;
  takeFolder(cluster, passable);
  takeFile(path.join(cluster, 'password'));
  if (!look(dataOf(home))?.isDirectory()) throw new EmbeddedError(`${dataOf(home)} is not a folder.`);
}
