import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { runQuietly } from '../command.mjs';
import { type Check, expectNone, root } from './check.ts';

/** Machine-specific texts. The patterns do not match this file. */
const patterns: [RegExp, string][] = [
  [/(?<![\w.~-])\/(?:home|Users)\/(?!node\b)[a-z][\w.-]*\//, 'a path of a user directory'],
  [/(?<![\w.~$}-])\/root\/[\w.]/, 'a path of a user directory'],
  [/^\s*"resolved":/m, 'the address of a package registry'],
];

/** The machine-specific text that a file contains; undefined if none. */
export function machineFault(text: string): string | undefined {
  const found = patterns.find(([pattern]) => pattern.test(text));
  if (found) return found[1];
  return places.some((place) => text.includes(place)) ? 'a path of this machine' : undefined;
}

/** The paths of this clone and home directory, unless too short to be distinctive. */
const places = [root, `${homedir()}/`].filter((place) => place.split(path.sep).length > 3);

/** No tracked file contains machine-specific paths or addresses. */
export const machine: Check = {
  claim: 'no file contains paths of a machine',
  async run() {
    if (!existsSync(path.join(root, '.git'))) return;
    const tracked = (await runQuietly('git', ['ls-files', '-z'], { cwd: root })).split('\0').filter(Boolean);
    const faults = await Promise.all(
      tracked.map(async (name) => {
        const file = path.join(root, name);
        const bytes = existsSync(file) ? await readFile(file) : Buffer.alloc(0);
        // Skips binary files.
        const fault = bytes.includes(0) ? undefined : machineFault(bytes.toString());
        return fault && `${name}: ${fault}`;
      }),
    );
    expectNone(faults.filter((fault) => fault !== undefined));
  },
};
