import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Check, expectNone, root } from './check.ts';
import { circleIn, isOnlyReexports, placeOf, reexportsOf } from './rooms.ts';

/** One import: the file that has it, and what it leads to: a path from the project's folder, or a package. */
export interface Import {
  readonly from: string;
  readonly to: string;
  /** What is imported, by the names that `to` exports it under; none where all of it is. */
  readonly names?: readonly string[];
  /** The public file of a room that leads to `to`. */
  readonly via?: string;
}

/** All that rules may stand on, besides rules: nothing here does I/O. */
const rulesMayImport =
  /^(services\/[^/]+\/reasons\.ts|kit\/errors\/.*|kit\/guard\/(algorithms|jwk|keys|revocations|revocation-set)\.ts|kit\/log\/secret\.ts|kit\/log\/log\.ts|kit\/net\/network\.ts|kit\/page\/page\.ts|kit\/password-hash\/.*|kit\/process\/start-error\.ts|kit\/contract\/roles\.ts|kit\/states\/.*|node:crypto|node:events|uuid|jose|p-limit|@node-rs\/(argon2|bcrypt)|@zxcvbn-ts\/language-common)$/;

/** Tells which rule an import breaks; undefined where it breaks none. */
export function faultOf({ from, to, via }: Import): string | undefined {
  const isTest = /\.test\.ts$|\/testing\//.test(from);
  const [here, there] = [placeOf(from), placeOf(to)];
  if (here && there && here.service !== there.service) {
    if (here.service === fleet ? there.service !== together && !to.endsWith('/config.ts') : here.service !== together) {
      return 'a service imports another';
    }
    if (here.service === together && there.service === fleet) return 'what runs together imports what runs apart';
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
  if (here?.layer === 'rules' && there?.layer !== 'rules' && !rulesMayImport.test(to)) {
    return 'rules import something besides rules, errors and pure functions';
  }
  if (here?.layer === 'store' && to === 'kit/call/call.ts') return 'a store asks for the current call';
  if (here?.service !== there?.service || !here || !there) return undefined;
  if (here.layer === 'handler' && there.layer === 'store') return 'a handler imports a store';
  if (here.layer === 'store' && there.layer === 'handler') return 'a store imports a handler';
  const isShared = to.endsWith('/reasons.ts');
  if (here.room !== undefined && there.room === undefined && here.layer !== 'build' && !isShared) {
    return 'a part of a room, other than its build, imports what the service is made of';
  }
  if (there.room === undefined || here.room === there.room || via !== undefined) return undefined;
  if (there.layer === 'public' || (here.room === undefined && there.layer === 'build')) return undefined;
  return "what is outside a room imports something besides the room's public file";
}

/** The folder of the process that runs all services. */
const together = 'all';
/** The folder of the process that starts each in a process of its own, and knows no more of them than their keys. */
const fleet = 'fleet';

/** The imports of a file, types included: those tie files together as well. */
export function importsOf(file: string, text: string): Import[] {
  const pattern =
    /(?:(?:(?:\bimport|\bexport)\s+(?:type\s+)?\{([^}]*)\}\s*)?\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])([^'"\n]+)\2/gm;
  return [...text.matchAll(pattern)].map(([, names, , specifier = '']) => ({
    from: file,
    to: resolve(file, specifier),
    ...(names === undefined ? {} : { names: namesIn(names) }),
  }));
}

/** The names before any `as`, of a list of imports or exports. */
function namesIn(list: string): string[] {
  return [...list.matchAll(/(?:^|,)\s*(?:type\s+)?([\w$]+)/g)].map(([, name = '']) => name);
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(file), specifier);
  return specifier.replace(/^#(kit|gen)\//, '$1/');
}

/**
 * What an import through the public file of a room comes to: an import of each file that the names are from, so that
 * what a room offers counts as what it is. A name that the public file has not is left for the type checker.
 * @param publics what each public file re-exports: the file that a name is from
 */
export function followed(found: Import, publics: ReadonlyMap<string, ReadonlyMap<string, string>>): Import[] {
  const reexports = publics.get(found.to);
  if (!reexports || !found.names || found.from === found.to) return [found];
  const files = new Set(found.names.flatMap((name) => reexports.get(name) ?? []));
  return [...files].map((to) => ({ from: found.from, to, via: found.to }));
}

/** Who may import whom (docs of the layout). */
export const imports: Check = {
  claim: 'no service imports another, rooms meet through their public files, and no folder of the kit imports upward',
  async run() {
    const files = await sources();
    const faults: string[] = [];
    const publics = new Map<string, ReadonlyMap<string, string>>();
    for (const [file, text] of files) {
      if (placeOf(file)?.layer === 'unknown')
        faults.push(`${file}: a room has no such layer (handler, rules, store, clients, build, public)`);
      if (placeOf(file)?.layer !== 'public') continue;
      if (!isOnlyReexports(text)) faults.push(`${file}: a public file has something besides \`export { names } from\``);
      publics.set(file, reexportsOf(importsOf(file, text)));
    }
    const all = files.flatMap(([file, text]) => importsOf(file, text).flatMap((found) => followed(found, publics)));
    for (const found of all) {
      const fault = faultOf(found);
      if (fault) faults.push(`${found.from}: ${fault} (${found.to})`);
    }
    const circle = circleIn(all);
    if (circle) faults.push(`folders import each other in a circle: ${circle.join(' -> ')}`);
    expectNone(faults);
  },
};

async function sources(): Promise<[file: string, text: string][]> {
  const found: [string, string][] = [];
  for (const folder of ['kit', 'services', 'cli']) {
    const names = await readdir(path.join(root, folder), { recursive: true });
    for (const name of names.filter((entry) => entry.endsWith('.ts'))) {
      const file = `${folder}/${name.replaceAll(path.sep, '/')}`;
      found.push([file, await readFile(path.join(root, file), 'utf8')]);
    }
  }
  return found;
}
