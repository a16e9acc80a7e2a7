import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { ConfigError } from './config.ts';

/**
 * Reads a file of `NAME=value` lines. Returns undefined if it does not exist.
 * @throws ConfigError if it cannot be read, or if a line loses a part of its value, as Node reads it. Names lines and
 * variables, never values
 */
export function readEnvFile(file: string): Record<string, string | undefined> | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  const problems = lossesIn(text.split(/\r?\n/)).map(({ line, name, what }) => `line ${line}, ${name}: ${what}`);
  if (problems.length > 0) throw new ConfigError(`${file}:\n  ${problems.join('\n  ')}`);
  return parseEnv(text);
}

function readText(file: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ConfigError(`${file} cannot be read: ${message}`);
  }
  // Editors of Windows write UTF-16, in which every second byte is 0, or a byte order mark.
  if (bytes.includes(0)) throw new ConfigError(`${file} must be UTF-8 text`);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

interface Loss {
  readonly line: number;
  readonly name: string;
  readonly what: string;
}

const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*$/;

/** Finds the lines whose value Node cuts short, or extends over other assignments. */
function lossesIn(lines: readonly string[]): Loss[] {
  const losses: Loss[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, name, value = ''] = assignment.exec(lines[at]!) ?? [];
    if (name === undefined) continue;
    const lose = (what: string) => losses.push({ line: at + 1, name, what });
    const quote = /^["'`]/.exec(value)?.[0];
    if (quote === undefined) {
      if (/^#[^\s]|[^\s]#/.test(value)) lose('a # in a value begins a comment: write the value in quotation marks');
      continue;
    }
    const end = value.indexOf(quote, 1);
    if (end !== -1) {
      if (!/^\s*(#|$)/.test(value.slice(end + 1))) lose('text after the closing quotation mark is ignored');
      continue;
    }
    const closing = lines.findIndex((line, index) => index > at && line.includes(quote));
    const swallowed = lines.slice(at + 1, closing === -1 ? undefined : closing + 1);
    if (closing === -1 || swallowed.some((line) => assignment.test(line))) lose('its quotation mark is not closed');
    else at = closing;
  }
  return losses;
}
