import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generateComments, generateProtos } from '../generate.ts';
import { writeReasons } from '../reasons.ts';
import { type Check, expectNone, root } from './check.ts';

/** gen/ matches proto/. Generates into a temporary folder and compares. */
export const generated: Check = {
  claim: 'gen/ is current',
  async run() {
    const folder = await mkdtemp(path.join(tmpdir(), 'signet-gen-'));
    try {
      await generateProtos(folder);
      await generateComments(path.join(folder, 'gen', 'comments.json'));
      await writeReasons(path.join(folder, 'gen', 'reasons.json'));
      const [fresh, current] = await Promise.all([filesOf(path.join(folder, 'gen')), filesOf(path.join(root, 'gen'))]);
      const names = new Set([...fresh.keys(), ...current.keys()]);
      const faults = [...names].filter((name) => fresh.get(name) !== current.get(name)).toSorted();
      expectNone(
        faults.map(
          (name) => `gen/${name}: ${fresh.has(name) ? (current.has(name) ? 'differs' : 'missing') : 'obsolete'}`,
        ),
        'run: npm run generate',
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** Text of every file in a folder, except Prisma's clients, which set-up generates and git ignores. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  if (!existsSync(folder)) return new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .filter((name) => !name.startsWith('prisma/'));
  return new Map(
    await Promise.all(files.map(async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const)),
  );
}
