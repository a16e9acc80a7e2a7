import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { docs, render } from '../docs.ts';
import { type Check, expectNone, root } from './check.ts';

/** Files with a part that is made from code have the one that the code makes now. */
export const documented: Check = {
  claim: 'docs and docker-compose.yml have what the code makes now',
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
