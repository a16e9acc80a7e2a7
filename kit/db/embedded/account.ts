import { readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';

/** Numeric ids of the user that the server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A server, or its data, that cannot be used; says what to do. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
}

/** Users to run as when we are root, best first. `signet` exists where an operator made it. */
const unprivileged = ['signet', 'nobody', 'postgres'];

/**
 * The account that the server must run as: PostgreSQL refuses to run as root.
 * Undefined where we are an ordinary user, and it runs as ourselves.
 * @param existing a folder that an earlier server made; its owner goes on
 * @throws EmbeddedError when we are root and the system has nobody else
 */
export function serverAccount(existing: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(existing, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name, , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]),
  );
  for (const name of unprivileged) {
    const found = users.get(name);
    if (found && found.uid > 0) return found;
  }
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and there is no user ${unprivileged.join(', ')} to run it as. ` +
      'Run as an ordinary user, or set DATABASE_URL.',
  );
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
