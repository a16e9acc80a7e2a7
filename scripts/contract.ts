import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DescFile, DescService } from '@bufbuild/protobuf';

/** Every service of the contract, read from gen/. */
export async function contractServices(): Promise<DescService[]> {
  return (await contractFiles()).flatMap((file) => file.services);
}

/** The services in proto/, without those that test/proto adds for tests. */
export async function ownServices(): Promise<DescService[]> {
  return (await ownFiles()).flatMap((file) => file.services);
}

/** The files in proto/, without those that test/proto adds for tests. */
export async function ownFiles(): Promise<DescFile[]> {
  const folder = fileURLToPath(new URL('../proto', import.meta.url));
  return (await contractFiles()).filter(({ name }) => existsSync(path.join(folder, `${name}.proto`)));
}

async function contractFiles(): Promise<DescFile[]> {
  const folder = fileURLToPath(new URL('../gen/proto/signet', import.meta.url));
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('_pb.ts'));
  const modules = await Promise.all(
    names.map(async (name) => (await import(pathToFileURL(path.join(folder, name)).href)) as Record<string, unknown>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isFile));
}

function isFile(value: unknown): value is DescFile {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'file';
}
