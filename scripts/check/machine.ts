import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { runQuietly } from '../command.mjs';
import { type Check, expectNone, root } from './check.ts';

/** What only one machine knows. Written so that this file does not find itself. */
const patterns: [RegExp, string][] = [
  [/(?<![\w.~-])\/(?:home|Users)\/(?!node\b)[a-z][\w.-]*\//, "a path of somebody's machine"],
  [/(?<![\w.~$}-])\/root\/[\w.]/, "a path of somebody's machine"],
  [/^\s*"resolved":/m, 'the address of a package registry'],
];

/** What a text has that belongs to one machine; undefined where it has nothing. */
export function machineFault(text: string): string | undefined {
  const found = patterns.find(([pattern]) => pattern.test(text));
  if (found) return found[1];
  return places.some((place) => text.includes(place)) ? 'a path of this machine' : undefined;
}

/** This clone and this home, where they are long enough to mean something. */
const places = [root, `${homedir()}/`].filter((place) => place.split(path.sep).length > 3);

/** A clone works anywhere: nothing in it points to where it was made. */
export const machine: Check = {
  claim: 'no file knows the machine that it was written on',
  async run() {
    if (!existsSync(path.join(root, '.git'))) return;
    const tracked = (await runQuietly('git', ['ls-files', '-z'], { cwd: root })).split('\0').filter(Boolean);
    const faults = await Promise.all(
      tracked.map(async (name) => {
        const file = path.join(root, name);
        const bytes = existsSync(file) ? await readFile(file) : Buffer.alloc(0);
        // Pictures and the like.
        const fault = bytes.includes(0) ? undefined : machineFault(bytes.toString());
        return fault && `${name}: ${fault}`;
      }),
    );
    expectNone(faults.filter((fault) => fault !== undefined));
  },
};
