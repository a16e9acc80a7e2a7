import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Reasons } from '#kit/errors/reasons.ts';
import { root } from './check/check.ts';

/** The exported `reasons` of every services/<name>/reasons.ts. @throws Error if two services define the same reason */
export async function serviceReasons(): Promise<[service: string, reasons: Reasons][]> {
  const folder = path.join(root, 'services');
  const names = (await readdir(folder)).filter((name) => existsSync(path.join(folder, name, 'reasons.ts'))).toSorted();
  const found = await Promise.all(
    names.map(async (name): Promise<[string, Reasons]> => {
      const module = (await import(pathToFileURL(path.join(folder, name, 'reasons.ts')).href)) as { reasons?: Reasons };
      if (!module.reasons) throw new Error(`services/${name}/reasons.ts exports no reasons`);
      return [name, module.reasons];
    }),
  );
  assertOwned(found);
  return found;
}

/** @throws Error if two services define the same reason, which would be ambiguous */
export function assertOwned(services: readonly (readonly [service: string, reasons: Reasons])[]): void {
  const owners = new Map<string, string>();
  for (const [service, reasons] of services) {
    for (const reason of Object.keys(reasons)) {
      const other = owners.get(reason);
      if (other !== undefined) throw new Error(`both ${other} and ${service} define the reason ${reason}`);
      owners.set(reason, service);
    }
  }
}

/** Writes the services' reasons with status and title for the OpenAPI document, because the edge imports no other service. */
export async function writeReasons(file: string): Promise<void> {
  const all = (await serviceReasons()).flatMap(([, reasons]) =>
    Object.entries(reasons).map(([reason, { status, title }]) => [reason, { status, title }] as const),
  );
  await writeFile(file, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
}
