import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DescFile } from '@bufbuild/protobuf';
import { assertCovered } from '#kit/guard/access.ts';
import { builtInRoles } from '#kit/rpc/roles.ts';
import { type Check, root, Violation } from './check.ts';

/** Every method of our contract says who may call it. */
export const access: Check = {
  claim: 'every method has an access rule',
  async run() {
    const folder = path.join(root, 'gen', 'proto', 'signet');
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('_pb.ts'));
    const modules = await Promise.all(
      names.map(async (name) => (await import(pathToFileURL(path.join(folder, name)).href)) as Record<string, unknown>),
    );
    const services = modules.flatMap((module) => Object.values(module).filter(isFile)).flatMap((file) => file.services);
    if (services.length === 0) throw new Violation('there is no service in gen/proto/signet');
    try {
      assertCovered(services, builtInRoles);
    } catch (error) {
      throw new Violation((error as Error).message);
    }
  },
};

function isFile(value: unknown): value is DescFile {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'file';
}
