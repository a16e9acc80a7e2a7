import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The services that have a database, by their folders in prisma/: the kit does not know the registry. */
export const schemas: readonly string[] = readdirSync(fileURLToPath(new URL('../../prisma', import.meta.url)));
