import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { docs, render } from '../docs.ts';
import { type Check, expectNone, root } from './check.ts';

/** docs/errors.md and docs/configuration.md have the tables that the code makes now. */
export const documented: Check = {
  claim: 'docs list every error reason and every config key',
  async run() {
    const faults: string[] = [];
    for (const doc of docs) {
      const file = path.join(root, doc.file);
      const text = existsSync(file) ? await readFile(file, 'utf8') : '';
      if (text !== (await render(doc))) faults.push(`${doc.file} is not current`);
    }
    expectNone(faults, 'run: npm run generate');
  },
};
