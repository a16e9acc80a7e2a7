import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { isSupervised } from '#kit/process/supervisor.ts';
import type { Environment } from './config.ts';

/**
 * The process's environment, over the lines of `.env` in the working directory. Only main.ts files call this.
 * A process under a supervisor is given what it reads, and has no business with the keys of others in the file.
 */
export function readEnvironment(file = '.env'): Environment {
  const lines = !isSupervised() && existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return { ...lines, ...process.env };
}
