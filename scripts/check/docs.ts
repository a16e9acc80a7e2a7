import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { docs, render } from '../docs.ts';
import { type Check, expectNone, root } from './check.ts';

/** The generated parts of files are current. */
export const documented: Check = {
  claim: 'the generated parts of docs, docker-compose.yml and deploy are current',
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
