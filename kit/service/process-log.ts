import { callIds } from '#kit/call/call.ts';
import type { Config } from '#kit/config/config.ts';
import type { processKeys } from '#kit/config/shared-keys.ts';
import { createLog, type Log } from '#kit/log/log.ts';

/** Creates the logger of a process from its configuration. Default format: `pretty` on a terminal, otherwise `json`. */
export function processLog({
  logLevel: level,
  logFormat,
}: Pick<Config<typeof processKeys>, 'logLevel' | 'logFormat'>): Log {
  return createLog({ level, format: logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json'), ids: callIds });
}
