import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Check, expectNone, root } from './check.ts';

/** One import: the file that has it, and what it leads to: a path from the project's folder, or a package. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/** All that a domain may stand on, besides itself: nothing here does I/O. */
const domainMayImport =
  /^(services\/[^/]+\/(?:(?:domain|crypto)\/.*|reasons\.ts)|kit\/errors\/.*|kit\/log\/secret\.ts|kit\/log\/log\.ts|kit\/net\/network\.ts|kit\/page\/page\.ts|kit\/password-hash\/.*|kit\/rpc\/roles\.ts|node:crypto|uuid|jose|@zxcvbn-ts\/language-common)$/;

/** Tells which rule an import breaks; undefined where it breaks none. */
export function faultOf({ from, to }: Import): string | undefined {
  const isTest = /\.test\.ts$|\/testing\//.test(from);
  const service = serviceOf(from);
  const other = serviceOf(to);
  if (service && other && service !== other) {
    if (service === fleet ? other !== together && !to.endsWith('/config.ts') : service !== together) {
      return 'a service imports another';
    }
    if (service === together && other === fleet) return 'what runs together imports what runs apart';
  }
  if (from.startsWith('kit/') && to.startsWith('services/')) return 'the kit imports a service';
  if (to.startsWith('cli/') && !from.startsWith('cli/')) return 'something else imports the command line';
  if (isTest) return undefined;
  if (from.startsWith('cli/') && to.startsWith('services/') && !/^services\/registry\.ts$|\/config\.ts$/.test(to)) {
    return 'the command line imports more of a service than its keys';
  }
  if (from.startsWith('kit/guard/') && /^(kit|services|scripts|test)\//.test(to) && !to.startsWith('kit/guard/')) {
    return 'the guard imports something of ours besides gen/ and itself';
  }
  if (/^services\/[^/]+\/domain\//.test(from) && !domainMayImport.test(to)) {
    return 'domain imports something besides itself, errors and pure functions';
  }
  return undefined;
}

/** The folder of the process that runs all services. */
const together = 'all';
/** The folder of the process that starts each in a process of its own, and knows no more of them than their keys. */
const fleet = 'fleet';

/** The service that a file belongs to; none for files beside the services' folders. */
function serviceOf(file: string): string | undefined {
  return /^services\/([^/]+)\//.exec(file)?.[1];
}

/** The imports of a file, types included: those tie files together as well. */
export function importsOf(file: string, text: string): Import[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])([^'"\n]+)\1/gm;
  return [...text.matchAll(pattern)].map((match) => ({ from: file, to: resolve(file, match[2] ?? '') }));
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(file), specifier);
  return specifier.replace(/^#(kit|gen)\//, '$1/');
}

/** Who may import whom (docs of the layout). */
export const imports: Check = {
  claim: 'no service imports another',
  async run() {
    const faults: string[] = [];
    for (const folder of ['kit', 'services', 'cli']) {
      const names = await readdir(path.join(root, folder), { recursive: true });
      for (const name of names.filter((entry) => entry.endsWith('.ts'))) {
        const file = `${folder}/${name.replaceAll(path.sep, '/')}`;
        for (const found of importsOf(file, await readFile(path.join(root, file), 'utf8'))) {
          const fault = faultOf(found);
          if (fault) faults.push(`${file}: ${fault} (${found.to})`);
        }
      }
    }
    expectNone(faults);
  },
};
