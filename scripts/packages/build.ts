import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../check/check.ts';
import { runQuietly } from '../command.mjs';
import { barrelModule, entriesOf, moduleOf, type Package, packages } from './definitions.ts';
import { lib, type Manifest, manifestOf } from './manifest.ts';
import { readModules } from './modules.ts';

/** A package in a folder, ready for `npm pack`. */
export interface Built {
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Builds the packages.
 * @param folderOf the folder of a package's files; its contents are replaced
 */
export async function buildPackages(folderOf: (name: string) => string): Promise<Built[]> {
  const compiled = await mkdtemp(path.join(tmpdir(), 'signet-packages-'));
  try {
    await runQuietly('tsc', ['-p', 'packages', '--outDir', compiled], { cwd: root });
    return await Promise.all((await packages()).map((one) => build(one, compiled, folderOf(one.name))));
  } finally {
    await rm(compiled, { recursive: true, force: true });
  }
}

async function build(one: Package, compiled: string, folder: string): Promise<Built> {
  const { name, barrels, reference } = one;
  for (const [entry, files] of barrels) await writeBarrel(compiled, barrelModule(name, entry), files.map(moduleOf));
  const entries = await entriesOf(one);
  const modules = await readModules(compiled, entries.values());
  const manifest = await manifestOf(one, entries, modules);

  await rm(folder, { recursive: true, force: true });
  const write = async (file: string, text: string) => {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), text);
  };
  for (const [module, { js, dts }] of modules) {
    await write(`${lib}/${module}.js`, js);
    await write(`${lib}/${module}.d.ts`, dts);
  }
  await write('package.json', `${JSON.stringify(manifest, undefined, 2)}\n`);
  await copyProtos(one, folder);
  await cp(path.join(root, 'packages', name, 'README.md'), path.join(folder, 'README.md'));
  await cp(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  await cp(path.join(root, 'third_party', 'LICENSE'), path.join(folder, 'LICENSE-APACHE'));
  if (reference) await write('REFERENCE.md', referenceIn(await readFile(path.join(root, reference), 'utf8')));
  return { folder, manifest };
}

/** Writes a module that re-exports others. The same text serves as JavaScript and as declarations. */
async function writeBarrel(compiled: string, module: string, modules: readonly string[]): Promise<void> {
  const from = path.posix.dirname(module);
  const text = modules.map((one) => `export * from '${path.posix.relative(from, one)}.js';\n`).join('');
  await mkdir(path.join(compiled, from), { recursive: true });
  for (const extension of ['.js', '.d.ts']) await writeFile(path.join(compiled, `${module}${extension}`), text);
}

/** Copies the protos of a package to `proto/` of a folder. */
export async function copyProtos({ protos }: Package, folder: string): Promise<void> {
  for (const { name } of protos) {
    const file = `${name}.proto`;
    const from = existsSync(path.join(root, 'proto', file)) ? 'proto' : 'third_party';
    await cp(path.join(root, from, file), path.join(folder, 'proto', file));
  }
}

/** The chapters of kit/guard/README.md without the examples, which the package's README has with its own imports. */
function referenceIn(text: string): string {
  const from = text.indexOf('\n## Verification of a token\n');
  const to = text.indexOf('\n## Examples\n');
  if (from < 0 || to < from)
    throw new Error('kit/guard/README.md needs the headings Verification of a token and Examples');
  return `# Reference of @signet/guard\n${text.slice(from, to)}`;
}

/** A tarball and its size in bytes. */
export interface Tarball {
  readonly file: string;
  readonly packed: number;
  readonly unpacked: number;
  readonly files: readonly string[];
}

/** Makes the tarball of a built package in a folder. */
export async function pack({ folder }: Built, into: string): Promise<Tarball> {
  const output = await runQuietly(
    'npm',
    ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', into],
    {
      cwd: folder,
      shell: process.platform === 'win32',
    },
  );
  const [report] = JSON.parse(output) as {
    readonly filename: string;
    readonly size: number;
    readonly unpackedSize: number;
    readonly files: readonly { readonly path: string }[];
  }[];
  if (!report) throw new Error(`npm pack reported no package in ${folder}`);
  const { filename, size, unpackedSize, files } = report;
  return { file: path.join(into, filename), packed: size, unpacked: unpackedSize, files: files.map((one) => one.path) };
}
