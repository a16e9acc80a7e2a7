import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from '#kit/process/start-error.ts';

/**
 * Reads the master key of a data directory; the first use generates it. 32 bytes
 * in base64, mode 0600. The caller must hold the directory's lock.
 * @throws StartError if the file cannot be read
 */
export async function masterKeyOf(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'master.key');
  const stored = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new StartError(`failed to read the master key in ${file}: ${error.message}`);
  });
  if (stored !== undefined) return stored.trim();
  const generated = randomBytes(32).toString('base64');
  await writeFile(file, `${generated}\n`, { mode: 0o600, flag: 'wx', flush: true });
  return generated;
}
