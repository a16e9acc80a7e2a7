import { readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { isRoot, look } from '../plain-files.ts';

/** The operating system user that the server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** undefined if the system has no user with this id. */
  readonly name?: string | undefined;
}

/** Thrown if a server or its data cannot be used. The message says what to do. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
}

/** Users to run as if this process is root, in order of preference. An operator creates `signet`. */
const unprivileged = ['signet', 'nobody'];

/**
 * Returns the account that the server runs as, because PostgreSQL refuses to run as
 * root; undefined if this process is not root (the server runs as the same user).
 * @param data PostgreSQL's data directory; the owner of existing data is used
 * @param passwd content of /etc/passwd
 * @throws EmbeddedError if this process is root and none of the users exists
 */
export function serverAccount(data: string, passwd?: string): Account | undefined {
  if (!isRoot) return undefined;
  const users = accounts(passwd ?? readFileSync('/etc/passwd', 'utf8'));
  const owner = look(data);
  if (owner?.isDirectory() && owner.uid !== 0) {
    const { uid, gid } = owner;
    return { uid, gid, name: users.find((user) => user.uid === uid)?.name };
  }
  for (const name of unprivileged) {
    const found = users.find((user) => user.name === name);
    if (found && found.uid > 0) return found;
  }
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and the system has no user ${unprivileged.join(' or ')}. ` +
      'Create a user signet (docs/operating.md), run as an ordinary user, or set DATABASE_URL.',
  );
}

/** Returns whether other programs may run as the account and could change the server's data. */
export function isShared({ name }: Account): boolean {
  return name === 'nobody';
}

function accounts(passwd: string): Account[] {
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

/** Returns whether an account may traverse a folder and all folders above it. */
export function canReach(folder: string, account: Account): boolean {
  for (let dir = folder; ; dir = path.dirname(dir)) {
    if (!may(statSync(dir), account, 0o1)) return false;
    if (dir === path.dirname(dir)) return true;
  }
}

/** Returns whether an account has a permission (4 read, 2 write, 1 execute) on a file. */
export function may(stats: Stats, account: Account, right: number): boolean {
  const shift = stats.uid === account.uid ? 6 : stats.gid === account.gid ? 3 : 0;
  return (stats.mode & (right << shift)) !== 0;
}
