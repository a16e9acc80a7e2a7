import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** A compiled module. Modules are named by their path without extension: `kit/guard/guard`. */
export interface Module {
  /** Text of the JavaScript file; imports of other modules are relative and end in .js. */
  readonly js: string;
  /** Text of the declarations, with the same imports. */
  readonly dts: string;
  /** The imported modules. */
  readonly modules: ReadonlySet<string>;
  /** The imported packages, without Node's own modules. */
  readonly packages: ReadonlySet<string>;
}

/**
 * Reads compiled modules and all modules that they import.
 * @param folder the compiler's output
 */
export async function readModules(folder: string, entries: Iterable<string>): Promise<Map<string, Module>> {
  const found = new Map<string, Module>();
  const wanted = new Set(entries);
  // The set grows while it is read.
  for (const name of wanted) {
    const module = await readModule(folder, name);
    found.set(name, module);
    for (const imported of module.modules) wanted.add(imported);
  }
  return found;
}

/** Returns the packages that entry points import, directly or through other modules. */
export function packagesOf(modules: ReadonlyMap<string, Module>, entries: Iterable<string>): Set<string> {
  const reached = new Set(entries);
  const packages = new Set<string>();
  for (const name of reached) {
    const module = modules.get(name);
    if (!module) throw new Error(`${name} was not read`);
    module.modules.forEach((imported) => reached.add(imported));
    module.packages.forEach((imported) => packages.add(imported));
  }
  return packages;
}

// What the compiler writes: one statement begins a line, and an inline import is a type.
const statement = /^((?:import|export)\s(?:[^'"=;]*\sfrom\s+)?)(['"])([^'"\n]+)\2/gm;
const inline = /(\bimport\()(['"])([^'"\n]+)\2/g;

async function readModule(folder: string, name: string): Promise<Module> {
  const modules = new Set<string>();
  const packages = new Set<string>();

  function rewritten(specifier: string): string {
    const target = moduleOf(name, specifier);
    if (target === undefined) {
      if (!specifier.startsWith('node:')) packages.add(packageOf(specifier));
      return specifier;
    }
    modules.add(target);
    const relative = path.posix.relative(path.posix.dirname(name), target);
    return `${relative.startsWith('.') ? '' : './'}${relative}.js`;
  }

  const texts = ['.js', '.d.ts'].map(async (extension) => {
    const file = path.join(folder, `${name}${extension}`);
    if (!existsSync(file)) throw new Error(`${name}${extension} was not compiled`);
    const text = await readFile(file, 'utf8');
    return [statement, inline].reduce(
      (rest, pattern) =>
        rest.replaceAll(pattern, (_, before: string, quote: string, specifier: string) => {
          return `${before}${quote}${rewritten(specifier)}${quote}`;
        }),
      text,
    );
  });
  const [js = '', dts = ''] = await Promise.all(texts);
  return { js, dts, modules, packages };
}

/** The module that a specifier names; undefined for a package. The declarations keep the extensions of the sources. */
function moduleOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return path.posix.join(path.posix.dirname(from), specifier.replace(/\.[jt]s$/, ''));
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
