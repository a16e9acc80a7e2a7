import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from '#kit/process/start-error.ts';

/**
 * The master key of a data directory, made at its first use: 32 bytes in base64,
 * readable by its owner alone. The caller holds the directory's lock.
 */
export async function masterKeyOf(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'master.key');
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new StartError(`the master key in ${file} cannot be read: ${error.message}`);
  });
  if (kept !== undefined) return kept.trim();
  const made = randomBytes(32).toString('base64');
  await writeFile(file, `${made}\n`, { mode: 0o600, flag: 'wx', flush: true });
  return made;
}
