import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CommandError, runQuietly } from '../../scripts/command.mjs';
import { ours } from './tree.ts';

const folder = path.join(ours.root, 'bench', 'peers');
const stamp = path.join(folder, 'node_modules', '.signet-installed');

/**
 * Installs the packages that Signet is compared with, if they are not installed. They are no dependencies of the project:
 * most of its users never run the benchmark.
 * @throws Error if npm cannot install them
 */
export async function installPeers(progress: (text: string) => void): Promise<void> {
  const lock = await readFile(path.join(folder, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).update(process.platform).update(process.arch).digest('hex');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return;
  progress('installing the packages of bench/peers ...');
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  try {
    await runQuietly('npm', args, { cwd: folder, shell: process.platform === 'win32' });
  } catch (error) {
    const output = error instanceof CommandError ? `:\n${error.output}` : '';
    throw new Error(`npm failed to install the packages of bench/peers${output}`, { cause: error });
  }
  await writeFile(stamp, wanted);
}
