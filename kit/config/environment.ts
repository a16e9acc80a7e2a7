import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { isSupervised } from '#kit/process/supervisor.ts';
import type { Environment } from './config.ts';

/**
 * Reads the process's environment, which overrides `.env` in the working directory. Only main.ts files call this.
 * A supervised process does not read the file: it gets its own keys from its supervisor, and must not see others'.
 */
export function readEnvironment(file = '.env'): Environment {
  const lines = !isSupervised() && existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return { ...lines, ...process.env };
}
