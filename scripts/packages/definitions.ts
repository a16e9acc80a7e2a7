import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { DescFile } from '@bufbuild/protobuf';
import { file_google_api_annotations } from '#gen/proto/google/api/annotations_pb.ts';
import { file_signet_policy_v1_policy } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { root } from '../check/check.ts';
import { ownFiles } from '../contract.ts';

/** A package for other projects. Its folder is packages/<name>, its entry points are the files there. */
export interface Package {
  /** The package is `@signet/<name>`. */
  readonly name: 'guard' | 'client';
  readonly description: string;
  /** The protos that it ships, with those that they import. Each has an entry point for its generated code. */
  readonly protos: readonly DescFile[];
  /** Further entry points, each as the files whose generated code it exports. */
  readonly barrels: ReadonlyMap<string, readonly DescFile[]>;
  /** Path from the project's folder of the document whose chapters it ships as REFERENCE.md. */
  readonly reference?: string;
}

/** The packages. */
export async function packages(): Promise<Package[]> {
  const own = await ownFiles();
  return [
    {
      name: 'guard',
      description: 'Protects the methods of gRPC, Connect and Fastify services with the access rules of Signet.',
      // What the protos of a service import to declare access rules and REST paths.
      protos: withImports([file_signet_policy_v1_policy, file_google_api_annotations]),
      barrels: new Map(),
      reference: 'kit/guard/README.md',
    },
    {
      name: 'client',
      description: 'Typed clients of the services of Signet, with their errors and their validation.',
      protos: withImports(own),
      barrels: barrelsOf(own),
    },
  ];
}

/** The modules of a package's entry points, by entry point. */
export async function entriesOf({ name, protos, barrels }: Package): Promise<Map<string, string>> {
  const files = await readdir(path.join(root, 'packages', name));
  const written = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.basename(file, '.ts'))
    .toSorted()
    .map((stem): [string, string] => [stem === 'index' ? '.' : `./${stem}`, `packages/${name}/${stem}`]);
  const generated = protos
    .filter((file) => !isFromPackage(file))
    .map((file): [string, string] => [`./gen/${file.name}_pb.js`, moduleOf(file)]);
  return new Map([
    ...written,
    ...[...barrels.keys()].map((entry) => [entry, barrelModule(name, entry)] as const),
    ...generated,
  ]);
}

/** The module of a barrel. */
export function barrelModule(name: string, entry: string): string {
  return path.posix.join('packages', name, entry);
}

/** One barrel a proto package: `./auth/v1` for signet.auth.v1. */
function barrelsOf(files: readonly DescFile[]): Map<string, DescFile[]> {
  return Map.groupBy(
    files.toSorted(byName),
    ({ proto }) => `./${proto.package.replace(/^signet\./, '').replaceAll('.', '/')}`,
  );
}

function byName(a: DescFile, b: DescFile): number {
  return a.name.localeCompare(b.name, 'en');
}

/** The module of the code generated from a file. */
export function moduleOf({ name }: DescFile): string {
  return `gen/proto/${name}_pb`;
}

/** Whether an npm package has the code generated from a file (buf.gen.yaml). */
function isFromPackage({ name }: DescFile): boolean {
  return name.startsWith('buf/validate/');
}

/** Files with all that they import, except protobuf's own, which every compiler knows. */
function withImports(files: readonly DescFile[]): DescFile[] {
  const found = new Set<DescFile>();
  const add = (file: DescFile): void => {
    if (found.has(file) || file.name.startsWith('google/protobuf/')) return;
    found.add(file);
    file.dependencies.forEach(add);
  };
  files.forEach(add);
  return [...found].toSorted(byName);
}
