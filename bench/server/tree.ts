import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runQuietly } from '../../scripts/command.mjs';
import { nodeFlags } from '../../scripts/node-flags.mjs';
import { pinnedNode } from '../../scripts/setup.mjs';

/** A source tree whose services are measured. */
export interface Tree {
  readonly name: string;
  readonly root: string;
  /** Its pinned Node. */
  readonly node: string;
  /** Node's flags of its `npm start`. */
  readonly flags: readonly string[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The tree of this file. */
export const ours: Tree = { name: 'this tree', root, node: process.execPath, flags: nodeFlags };

/** Folders of services/ that run several services, and the services that start first and last. */
const placed = new Set(['all', 'fleet', 'auth', 'edge']);

/** The services of a tree in the order of their start: auth first, the edge last. */
export function servicesOf(tree: Tree): string[] {
  const others = readdirSync(path.join(tree.root, 'services')).filter(
    (name) => !placed.has(name) && existsSync(path.join(tree.root, 'services', name, 'main.ts')),
  );
  return ['auth', ...others.toSorted(), 'edge'];
}

/** A folder for the other tree of runs from this one: a run that was killed leaves it to the next. */
const other = path.join(tmpdir(), `signet-bench-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`);

/** Returns the full name of a commit. @throws Error if the repository has none of this name */
export async function commitOf(name: string): Promise<string> {
  try {
    return (await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`)).trim();
  } catch (error) {
    throw new Error(`no commit ${name} in the repository`, { cause: error });
  }
}

/** Returns the short name of this tree's commit, with a plus if what it measures has changes. */
export async function currentCommit(): Promise<string> {
  try {
    const changes = await git('status', '--porcelain', '--', 'kit', 'services', 'prisma', 'package-lock.json');
    return `${(await git('rev-parse', '--short', 'HEAD')).trim()}${changes === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

/**
 * Checks a commit out into a temporary folder, and installs it as its `npm start` would.
 * @param onBegin receives what ends the installation and removes the folder, before it begins
 */
export async function openTree(commit: string, onBegin: (remove: () => Promise<void>) => void): Promise<Tree> {
  const ending = new AbortController();
  const opening = checkOut(commit, ending.signal);
  onBegin(async () => {
    ending.abort();
    await opening.catch(() => undefined);
    await removeTree();
  });
  return opening;
}

async function checkOut(commit: string, signal: AbortSignal): Promise<Tree> {
  await removeTree();
  const at = (file: string) => path.join(other, file);
  await run('git', ['worktree', 'add', '--detach', '--force', other, commit], root, signal);
  await run(process.execPath, [at('scripts/setup.mjs')], other, signal);
  const { nodeFlags: flags } = (await import(pathToFileURL(at('scripts/node-flags.mjs')).href)) as {
    nodeFlags: string[];
  };
  const node = path.join(other, path.relative(root, pinnedNode));
  return { name: commit.slice(0, 7), root: other, node, flags };
}

/** Runs a program with all that it starts in a process group, which the signal ends. @throws Error unless it succeeds */
async function run(program: string, args: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(program, args, { cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', kill);
  const output = text(child.stderr);
  const [code] = await once(child, 'exit');
  signal.removeEventListener('abort', kill);
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} failed:\n${await output}`);
}

/** Removes the folder of the other tree, of this run or of one that was killed. */
async function removeTree(): Promise<void> {
  await rm(other, { recursive: true, force: true, maxRetries: 5 });
  // Git locks a folder while it checks it out, and would keep the lock of one that was interrupted.
  await git('worktree', 'unlock', other).catch(() => undefined);
  await git('worktree', 'prune');
}

function git(...args: string[]): Promise<string> {
  return runQuietly('git', args, { cwd: root });
}
