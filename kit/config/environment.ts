import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Environment } from './config.ts';

/** The process's environment, over the lines of `.env` in the working directory. Only main.ts files call this. */
export function readEnvironment(file = '.env'): Environment {
  const lines = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return { ...lines, ...process.env };
}
