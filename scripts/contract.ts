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

function isFile(value: unknown): value is DescFile {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'file';
}
