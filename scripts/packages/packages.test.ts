import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../check/check.ts';
import { runQuietly } from '../command.mjs';
import { ownServices } from '../contract.ts';
import { type Built, buildPackages, pack, type Tarball } from './build.ts';

let folder: string;
let built: Record<string, Built>;
let tarballs: Record<string, Tarball>;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'signet-packages-test-'));
  const all = await buildPackages((name) => path.join(folder, name));
  built = Object.fromEntries(all.map((one) => [path.basename(one.folder), one]));
  tarballs = Object.fromEntries(
    await Promise.all(all.map(async (one) => [path.basename(one.folder), await pack(one, folder)] as const)),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The names of the files of a package in a folder, without their extensions. */
function filesIn(name: string, start: string): string[] {
  const files = tarballs[name]?.files.filter((file) => file.startsWith(start)) ?? [];
  return [...new Set(files.map((file) => file.slice(start.length).replace(/(\.d)?\.\w+$/, '')))].toSorted();
}

/** The proto files in a folder of the project, without their extensions. */
async function protosIn(name: string): Promise<string[]> {
  const files = await readdir(path.join(root, name), { recursive: true });
  return files.filter((file) => file.endsWith('.proto')).map((file) => file.replace('.proto', ''));
}

const validate = 'buf/validate/validate';
const google = ['google/api/annotations', 'google/api/http'];

describe('the package', () => {
  test.each(['guard', 'client'])('%s has nothing but compiled modules, protos and documents', (name) => {
    const known = /^(lib\/(gen\/proto|kit|packages)\/.*\.(js|d\.ts)|proto\/.*\.proto|package\.json|[A-Z-]+(\.md)?)$/;
    expect(tarballs[name]?.files.filter((file) => !known.test(file))).toEqual([]);
    expect(tarballs[name]?.files.filter((file) => /test|examples/.test(file))).toEqual([]);
    expect(tarballs[name]?.files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'LICENSE-APACHE']));
  });

  test('guard has the folder kit/guard, the code generated for it, and the protos of rules and paths', async () => {
    const sources = await readdir(path.join(root, 'kit/guard'));
    const modules = sources.filter((file) => /(?<!\.test)\.ts$/.test(file)).map((file) => file.replace('.ts', ''));
    expect(modules).toEqual(expect.arrayContaining(filesIn('guard', 'lib/kit/guard/')));
    expect(filesIn('guard', 'lib/kit/').every((file) => file.startsWith('guard/'))).toBe(true);
    expect(filesIn('guard', 'lib/gen/proto/')).toEqual([
      ...google.map((file) => `${file}_pb`),
      'google/rpc/error_details_pb',
      'grpc/health/v1/health_pb',
      'grpc/reflection/v1/reflection_pb',
      'signet/auth/v1/revocation_service_pb',
      'signet/auth/v1/service_token_service_pb',
      'signet/policy/v1/policy_pb',
    ]);
    expect(filesIn('guard', 'proto/')).toEqual([validate, ...google, 'signet/policy/v1/policy']);
  });

  test('client has the whole contract, and of the kit what reads errors and validates', async () => {
    const own = await protosIn('proto');
    expect(filesIn('client', 'proto/')).toEqual([validate, ...google, ...own].toSorted());
    expect(filesIn('client', 'lib/gen/proto/')).toEqual(
      [...google, ...own, 'google/rpc/error_details'].map((file) => `${file}_pb`).toSorted(),
    );
    expect(filesIn('client', 'lib/kit/')).toEqual([
      'contract/own-rules',
      'contract/validator',
      'errors/violations',
      'guard/error',
      'guard/reasons',
    ]);
  });

  test.each(['guard', 'client'])('%s has protos that compile without others', async (name) => {
    await expect(runQuietly('buf', ['build', path.join(folder, name, 'proto')], { cwd: folder })).resolves.toBe('');
  });

  test.each(['guard', 'client'])('%s has no module with side effects', async (name) => {
    const modules = tarballs[name]?.files.filter((file) => file.endsWith('.js')) ?? [];
    expect(modules.length).toBeGreaterThan(0);
    for (const file of modules) {
      expect(await readFile(path.join(folder, name, file), 'utf8'), file).not.toMatch(/^import ['"]/m);
    }
  });
});

test('client imports no module of Node, so that it runs in browsers', async () => {
  const modules = tarballs['client']?.files.filter((file) => file.endsWith('.js')) ?? [];
  for (const file of modules) {
    expect(await readFile(path.join(folder, 'client', file), 'utf8'), file).not.toMatch(/['"]node:/);
  }
});

/** Imports entry points where only the given packages are installed, and returns the names that each exports. */
async function load(
  name: string,
  entries: readonly string[],
  installed: readonly string[],
): Promise<Record<string, string[]>> {
  const modules = path.join(folder, name, 'node_modules');
  await rm(modules, { recursive: true, force: true });
  for (const one of installed) {
    await mkdir(path.dirname(path.join(modules, one)), { recursive: true });
    await symlink(path.join(root, 'node_modules', one), path.join(modules, one));
  }
  // The package imports itself by its name, so its `exports` apply.
  const script = `
    const names = {};
    for (const entry of ${JSON.stringify(entries)}) {
      names[entry] = Object.keys(await import(entry.replace('.', '@signet/${name}')));
    }
    console.log(JSON.stringify(names));`;
  const output = await runQuietly(process.execPath, ['--input-type=module', '-e', script], {
    cwd: path.join(folder, name),
  });
  return JSON.parse(output) as Record<string, string[]>;
}

function entriesOf(name: string): string[] {
  return Object.keys(built[name]?.manifest.exports ?? {}).filter((entry) => entry !== './package.json');
}

describe('the entry points', () => {
  test.each(['guard', 'client'])('of %s load where only its dependencies and peers are installed', async (name) => {
    const { dependencies, peerDependencies } = built[name]!.manifest;
    const entries = entriesOf(name);
    const names = await load(name, entries, [...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
    expect(Object.entries(names).filter(([, exported]) => exported.length === 0)).toEqual([]);
    expect(Object.keys(names)).toEqual(entries);
  });

  test('of guard need an optional peer only for its gate', async () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = built['guard']!.manifest;
    expect(Object.keys(peerDependenciesMeta)).toEqual(['@grpc/grpc-js', 'fastify']);
    const needed = Object.keys(peerDependencies).filter((peer) => !Object.hasOwn(peerDependenciesMeta, peer));
    const installed = [...Object.keys(dependencies), ...needed];
    const others = entriesOf('guard').filter((entry) => entry !== './grpc');
    expect(Object.keys(await load('guard', others, installed))).toEqual(others);
    await expect(load('guard', ['./grpc'], installed)).rejects.toMatchObject({
      output: expect.stringContaining("Cannot find package '@grpc/grpc-js'"),
    });
  });

  test('of guard export each function that its reference names', async () => {
    const names = await load('guard', ['.', './connect', './grpc', './fastify'], await installedHere());
    const sources = await readdir(path.join(root, 'kit/guard'));
    const texts = await Promise.all(
      sources
        .filter((file) => /(?<!\.test)\.ts$/.test(file))
        .map((file) => readFile(path.join(root, 'kit/guard', file), 'utf8')),
    );
    const functions = texts.flatMap((text) =>
      [...text.matchAll(/^export (?:async )?function (\w+)/gm)].map(([, one]) => one),
    );
    const reference = await readFile(path.join(folder, 'guard', 'REFERENCE.md'), 'utf8');
    const named = functions.filter((one) => new RegExp(`\\b${one}\\b`).test(reference));
    expect(named).toContain('assertCovered');
    expect(Object.values(names).flat()).toEqual(expect.arrayContaining(named));
  });

  test('of client have each service of the contract, in the entry point of its package', async () => {
    const names = await load('client', entriesOf('client'), await installedHere());
    const services = await ownServices();
    expect(services.length).toBeGreaterThan(0);
    for (const { name, file } of services) {
      expect(names[`./${file.proto.package.replace('signet.', '').replaceAll('.', '/')}`]).toContain(name);
    }
  });

  test('of guard are those that its README lists', async () => {
    const readme = await readFile(path.join(folder, 'guard', 'README.md'), 'utf8');
    const listed = [...readme.matchAll(/^\| `@signet\/guard(\/\w+)?` \|/gm)].map(([, entry = '']) => `.${entry}`);
    const entries = entriesOf('guard').filter((entry) => !entry.startsWith('./gen/'));
    expect(listed.toSorted()).toEqual(entries.toSorted());
  });
});

test.each(['guard', 'client'])(
  'the ranges of %s include the versions that this project is tested with',
  async (name) => {
    const { version, dependencies, peerDependencies } = built[name]!.manifest;
    const project = await projectManifest();
    expect(version).toBe(project.version);
    for (const [one, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
      const [, oldest = '', major] = /^\^((\d+)\.\d+\.\d+)$/.exec(range) ?? [];
      const tested = project.dependencies[one] ?? '';
      expect(tested.split('.')[0], one).toBe(major);
      expect(oldest.localeCompare(tested, 'en', { numeric: true }), `${one} ${range}`).toBeLessThanOrEqual(0);
    }
  },
);

async function projectManifest() {
  return JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
}

/** The names of the packages that the project depends on. */
async function installedHere(): Promise<string[]> {
  return Object.keys((await projectManifest()).dependencies);
}
