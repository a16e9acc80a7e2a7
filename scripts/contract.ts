import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DescFile, DescService } from '@bufbuild/protobuf';

/** Every service of the contract, read from gen/. */
export async function contractServices(): Promise<DescService[]> {
  const folder = fileURLToPath(new URL('../gen/proto/signet', import.meta.url));
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('_pb.ts'));
  const modules = await Promise.all(
    names.map(async (name) => (await import(pathToFileURL(path.join(folder, name)).href)) as Record<string, unknown>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isFile)).flatMap((file) => file.services);
}

/** The services in proto/, without those that test/proto adds for tests. */
export async function ownServices(): Promise<DescService[]> {
  const folder = fileURLToPath(new URL('../proto', import.meta.url));
  return (await contractServices()).filter(({ file }) => existsSync(path.join(folder, `${file.name}.proto`)));
}

function isFile(value: unknown): value is DescFile {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'file';
}
