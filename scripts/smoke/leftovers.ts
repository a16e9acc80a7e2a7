import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import type { AnyService } from '#kit/service/service.ts';
import { services } from '../../services/registry.ts';

/** Metrics port of the fleet's first process; the others count up from it. */
const metricsPort = 9464;

/** The ports used by README.md's commands: those of all services, and of their metrics. */
export const ports = Object.values<AnyService>(services).flatMap(({ ports: { door, grpc } }, index) => [
  ...[door, grpc].flatMap((key) => (key ? [Number(key.default)] : [])),
  metricsPort + index,
]);

/** The ports in use. */
export async function takenPorts(): Promise<number[]> {
  const taken = await Promise.all(ports.map(async (port) => ((await isFree(port)) ? [] : [port])));
  return taken.flat();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The folder of a clone's database, if it is outside the clone: started by root in a private folder, it is below /var/lib/signet. */
export function distantHome(clone: string): string | undefined {
  const note = path.join(clone, '.data', 'postgres-home');
  return existsSync(note) ? path.join('/var/lib/signet', readFileSync(note, 'utf8').trim()) : undefined;
}

/** A process with its id and command line. */
export interface Process {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes whose working directory is in a clone or in its database's folder. This
 * includes orphaned processes of a start. Empty on systems without /proc, where only
 * the ports are checked.
 */
export function processesOf(clone: string): Process[] {
  if (!existsSync('/proc/self/cwd')) return [];
  const folders = [clone, distantHome(clone)].filter((folder) => folder !== undefined);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        if (!folders.some((folder) => cwd === folder || cwd.startsWith(`${folder}/`))) return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(pid), command }];
      } catch {
        // The process has ended, or belongs to another user.
        return [];
      }
    });
}
