import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Account, canReach, EmbeddedError, serverAccount } from './account.ts';

/** Where a server's files are, and who owns them. */
export interface Home {
  /** Absolute, without symbolic links. */
  readonly dir: string;
  /** Who runs the server; undefined: ourselves. */
  readonly account: Account | undefined;
}

/**
 * Finds or makes the home of a data directory's server: `<dataDir>/postgres`.
 * Where we are root and the server's user can't get there, it is
 * `<elsewhere>/<id>`, and `<dataDir>/postgres-home` keeps the id. A copy of a
 * data directory gets a home of its own; one that was moved keeps its home.
 * @throws EmbeddedError when a home is there but can't be used
 */
export function openHome(dataDir: string, elsewhere: string): Home {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const data = realpathSync(dataDir);
  const near = path.join(data, 'postgres');
  const account = serverAccount(near);
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
  if (existsSync(near)) {
    if (canReach(data, account)) return { dir: make(near, account), account };
    throw new EmbeddedError(
      `the database in ${near} belongs to user ${account.uid}, who can no longer get there. ` +
        'Give the folders above it mode 711.',
    );
  }
  if (!existsSync(note) && canReach(data, account)) return { dir: make(near, account), account };
  return distantHome(data, note, elsewhere);
}

/** Keeps a note in a home, for whoever owns the home to change. */
export function keep(home: Home, name: string, text: string): void {
  const file = path.join(home.dir, name);
  writeFileSync(file, text);
  if (home.account) chownSync(file, home.account.uid, home.account.gid);
}

/** Space in memory from which ephemeral data may live there, bytes. */
const roomInMemory = 4 * 1024 ** 3;

/** Makes a home that nobody looks for later. */
export function temporaryHome(elsewhere: string): Home {
  const account = serverAccount('');
  let parent = temporaryFolders().find((folder) => !account || canReach(folder, account));
  if (parent === undefined) {
    mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
    parent = realpathSync(elsewhere);
  }
  const dir = mkdtempSync(path.join(parent, 'signet-'));
  if (account) chownSync(dir, account.uid, account.gid);
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
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  let id = existsSync(note) ? readFileSync(note, 'utf8').trim() : undefined;
  if (id !== undefined && !/^[0-9a-f]{32}$/.test(id)) throw new EmbeddedError(`${note} is damaged.`);
  if (id === undefined || isCopy(path.join(elsewhere, id), data)) {
    id = randomBytes(16).toString('hex');
    writeFileSync(note, `${id}\n`);
  }
  const dir = path.join(elsewhere, id);
  const account = serverAccount(dir);
  make(dir, account);
  const home = { dir: realpathSync(dir), account };
  keep(home, 'owner', data);
  return home;
}

/** Tells whether a data directory is a copy of the one that a home belongs to. */
function isCopy(home: string, data: string): boolean {
  const file = path.join(home, 'owner');
  if (!existsSync(file)) return false;
  const owner = readFileSync(file, 'utf8');
  const note = path.join(owner, 'postgres-home');
  return owner !== data && existsSync(note) && readFileSync(note, 'utf8').trim() === path.basename(home);
}

function make(dir: string, account: Account | undefined): string {
  if (!existsSync(dir)) {
    mkdirSync(dir, { mode: 0o700 });
    if (account) chownSync(dir, account.uid, account.gid);
  }
  return dir;
}
