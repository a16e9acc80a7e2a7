import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from '../check/check.ts';
import type { Package } from './definitions.ts';
import { type Module, packagesOf } from './modules.ts';

/** The package.json of a package. */
export type Manifest = Awaited<ReturnType<typeof manifestOf>>;

/**
 * The peers: packages whose objects the user of our packages also holds. Every other import is a dependency. The version
 * is the oldest that works; `npm run packages:try` tests it.
 */
export const oldestPeers: Readonly<Record<string, string>> = {
  // Older ones lack types that the generated code imports.
  '@bufbuild/protobuf': '2.13.0',
  '@connectrpc/connect': '2.2.0',
  '@connectrpc/connect-node': '2.2.0',
  // In older ones, a call that an interceptor refuses ends the process.
  '@grpc/grpc-js': '1.10.4',
  // The oldest that @connectrpc/connect-fastify supports.
  fastify: '5.1.0',
};

/** Folder of the compiled modules in a package. */
export const lib = 'lib';

/**
 * Creates the package.json of a package from what its modules import. A peer that `.` does not import is optional.
 * @param entries the module of each entry point
 * @throws Error if a module imports a package that the project does not depend on
 */
export async function manifestOf(
  { name, description }: Package,
  entries: ReadonlyMap<string, string>,
  modules: ReadonlyMap<string, Module>,
) {
  const project = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const imported = [...packagesOf(modules, entries.values())].toSorted();
  const needed = packagesOf(modules, [entries.get('.') ?? '']);
  const peers = imported.filter((one) => Object.hasOwn(oldestPeers, one));
  const others = imported.filter((one) => !peers.includes(one));
  const rangeOf = (one: string) => {
    const version = oldestPeers[one] ?? project.dependencies[one];
    if (version === undefined) throw new Error(`@signet/${name} imports ${one}, which package.json does not list`);
    return `^${version}`;
  };
  const ranges = (names: readonly string[]) => Object.fromEntries(names.map((one) => [one, rangeOf(one)]));
  return {
    name: `@signet/${name}`,
    version: project.version,
    description,
    // The protos of others that it ships are under the Apache License.
    license: 'MIT AND Apache-2.0',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=22' },
    files: [lib, 'proto', 'REFERENCE.md', 'LICENSE-APACHE'],
    exports: {
      ...Object.fromEntries(
        [...entries].map(([entry, module]) => [
          entry,
          { types: `./${lib}/${module}.d.ts`, default: `./${lib}/${module}.js` },
        ]),
      ),
      './package.json': './package.json',
    },
    dependencies: ranges(others),
    peerDependencies: ranges(peers),
    peerDependenciesMeta: Object.fromEntries(
      peers.filter((one) => !needed.has(one)).map((one) => [one, { optional: true as const }]),
    ),
  };
}
