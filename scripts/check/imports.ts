import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Check, expectNone, root } from './check.ts';
import { cycleIn, isOnlyReexports, placeOf, reexportsOf } from './rooms.ts';

/** An import from a file to a path relative to the project's folder, or to a package. */
export interface Import {
  readonly from: string;
  readonly to: string;
  /** The imported names as exported by `to`; undefined for an import of the whole module. */
  readonly names?: readonly string[];
  /** The public.ts through which `to` is imported. */
  readonly via?: string;
}

/** What rules may import in addition to rules. None of it does I/O. */
const rulesMayImport =
  /^(services\/[^/]+\/reasons\.ts|kit\/errors\/.*|kit\/guard\/(algorithms|jwk|keys|revocations|revocation-set|roca)\.ts|kit\/identity\/private-pem\.ts|kit\/log\/secret\.ts|kit\/log\/log\.ts|kit\/net\/network\.ts|kit\/page\/page\.ts|kit\/password-hash\/.*|kit\/process\/start-error\.ts|kit\/contract\/(roles|field-mask|email)\.ts|kit\/money\/.*|kit\/states\/.*|node:crypto|node:events|uuid|jose|p-limit|@node-rs\/(argon2|bcrypt)|@zxcvbn-ts\/language-common)$/;

/** Files that run in the image. */
const inImage = /^(cli|deploy|kit|services)\//;

/** Files that `.dockerignore` keeps out of the image. */
const notInImage = /^((bench|packages|test)\/|scripts\/.*\.ts$)|(^|\/)testing(\.ts$|\/)/;

/** The layout rule that an import breaks; undefined if none. */
export function faultOf({ from, to, via }: Import): string | undefined {
  const isTest = /\.test\.ts$|\/testing\//.test(from);
  const [here, there] = [placeOf(from), placeOf(to)];
  if (here && there && here.service !== there.service) {
    if (here.service === fleet ? there.service !== together && !to.endsWith('/config.ts') : here.service !== together) {
      return 'a service imports another';
    }
    if (here.service === together && there.service === fleet) return 'services/all imports services/fleet';
  }
  if (from.startsWith('kit/') && to.startsWith('services/')) return 'the kit imports a service';
  if (to.startsWith('cli/') && !from.startsWith('cli/')) return 'a file outside cli/ imports the command line';
  if (isTest) return undefined;
  if (inImage.test(from) && !notInImage.test(from) && notInImage.test(to)) return 'the image does not have the import';
  if (
    from.startsWith('cli/') &&
    to.startsWith('services/') &&
    !/^services\/(registry|keys)\.ts$|\/(config|maintenance)\.ts$/.test(to)
  ) {
    return 'the command line imports more of a service than its configuration keys and its maintenance';
  }
  if (from.startsWith('kit/guard/') && /^(kit|services|scripts|test)\//.test(to) && !to.startsWith('kit/guard/')) {
    return 'the guard imports a file outside kit/guard and gen/';
  }
  if (here?.layer === 'rules' && there?.layer !== 'rules' && !rulesMayImport.test(to)) {
    return 'rules import something other than rules, errors and pure functions';
  }
  if (here?.layer === 'store' && to === 'kit/call/call.ts') return 'a store imports the current call';
  if (here?.service !== there?.service || !here || !there) return undefined;
  if (here.layer === 'handler' && there.layer === 'store') return 'a handler imports a store';
  if (here.layer === 'store' && there.layer === 'handler') return 'a store imports a handler';
  const isShared = to.endsWith('/reasons.ts');
  if (here.room !== undefined && there.room === undefined && here.layer !== 'build' && !isShared) {
    return 'a file of a room, other than its build.ts, imports a file of the service outside the rooms';
  }
  if (there.room === undefined || here.room === there.room || via !== undefined) return undefined;
  if (there.layer === 'public' || (here.room === undefined && there.layer === 'build')) return undefined;
  return "a file outside a room imports a file other than the room's public.ts";
}

/** The folder of the process that runs all services. */
const together = 'all';
/** The folder of the process that starts each service in a child process; it imports only their configuration keys. */
const fleet = 'fleet';

/** The imports of a file, including type imports. */
export function importsOf(file: string, text: string): Import[] {
  const pattern =
    /(?:(?:(?:\bimport|\bexport)\s+(?:type\s+)?\{([^}]*)\}\s*)?\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])([^'"\n]+)\2/gm;
  return [...text.matchAll(pattern)].map(([, names, , specifier = '']) => ({
    from: file,
    to: resolve(file, specifier),
    ...(names === undefined ? {} : { names: namesIn(names) }),
  }));
}

/** The names before any `as` in a list of imports or exports. */
function namesIn(list: string): string[] {
  return [...list.matchAll(/(?:^|,)\s*(?:type\s+)?([\w$]+)/g)].map(([, name = '']) => name);
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(file), specifier);
  return specifier.replace(/^#(kit|gen)\//, '$1/');
}

/**
 * Replaces an import of a room's public.ts by imports of the files that its names come from, so that the layout rules
 * apply to those. Ignores unknown names, which the type checker reports.
 * @param publics the re-exports of each public.ts: source file by name
 */
export function followed(found: Import, publics: ReadonlyMap<string, ReadonlyMap<string, string>>): Import[] {
  const reexports = publics.get(found.to);
  if (!reexports || !found.names || found.from === found.to) return [found];
  const files = new Set(found.names.flatMap((name) => reexports.get(name) ?? []));
  return [...files].map((to) => ({ from: found.from, to, via: found.to }));
}

/** The layout rules of docs/architecture.md. */
export const imports: Check = {
  claim: 'no service imports another, rooms import each other through public.ts, and kit folders have no import cycle',
  async run() {
    const files = await sources();
    const faults: string[] = [];
    const publics = new Map<string, ReadonlyMap<string, string>>();
    for (const [file, text] of files) {
      if (placeOf(file)?.layer === 'unknown')
        faults.push(`${file}: unknown layer of a room (known: handler, rules, store, clients, build, public)`);
      if (placeOf(file)?.layer !== 'public') continue;
      if (!isOnlyReexports(text)) faults.push(`${file}: public.ts may only contain \`export { names } from\``);
      publics.set(file, reexportsOf(importsOf(file, text)));
    }
    const all = files.flatMap(([file, text]) => importsOf(file, text).flatMap((found) => followed(found, publics)));
    for (const found of all) {
      const fault = faultOf(found);
      if (fault) faults.push(`${found.from}: ${fault} (${found.to})`);
    }
    const cycle = cycleIn(all);
    if (cycle) faults.push(`import cycle of folders: ${cycle.join(' -> ')}`);
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
