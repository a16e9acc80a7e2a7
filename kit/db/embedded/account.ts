import { readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { isRoot, look } from '../plain-files.ts';

/** The user that the server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Undefined where the system has no user of that number. */
  readonly name?: string | undefined;
}

/** A server, or its data, that cannot be used; says what to do. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
}

/** Users to run as when we are root, best first. An operator makes `signet`; this process makes no users. */
const unprivileged = ['signet', 'nobody'];

/**
 * The account that the server must run as: PostgreSQL refuses to run as root.
 * Undefined where we are an ordinary user, and it runs as ourselves.
 * @param data the data directory of an earlier server; its owner goes on
 * @param passwd the system's users, as /etc/passwd has them
 * @throws EmbeddedError when we are root and the system has none of the users
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
    `PostgreSQL does not run as root, and there is no user ${unprivileged.join(' or ')} to run it as. ` +
      'Make a user signet (docs/operating.md), run as an ordinary user, or set DATABASE_URL.',
  );
}

/** Whether other programs run as the account, too, and could change what the server keeps. */
export function isShared({ name }: Account): boolean {
  return name === 'nobody';
}

function accounts(passwd: string): Account[] {
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

/** Tells whether an account can use what is in a folder: whether it may pass every folder down to it. */
export function canReach(folder: string, account: Account): boolean {
  for (let dir = folder; ; dir = path.dirname(dir)) {
    if (!may(statSync(dir), account, 0o1)) return false;
    if (dir === path.dirname(dir)) return true;
  }
}

/** Tells whether an account has a right (4 read, 2 write, 1 pass) on a file. */
export function may(stats: Stats, account: Account, right: number): boolean {
  const shift = stats.uid === account.uid ? 6 : stats.gid === account.gid ? 3 : 0;
  return (stats.mode & (right << shift)) !== 0;
}
