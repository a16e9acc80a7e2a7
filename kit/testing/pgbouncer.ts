import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Secret } from '#kit/log/secret.ts';
import { type LocalServer, startServer } from './local-server.ts';
import { findProgram } from './programs.ts';

/** The pooler's program. Debian package: pgbouncer. */
export const pgbouncerProgram = findProgram('pgbouncer');

/** A PgBouncer of one test, with the settings of Debian's package except those given. */
export interface TestPgBouncer extends LocalServer {
  /** The URL of the database through the pooler. */
  readonly url: Secret;
}

/** Starts a pooler in front of a database. @throws Error if it does not start */
export async function startPgBouncer(
  database: Secret,
  settings: Readonly<Record<string, string | number>>,
): Promise<TestPgBouncer> {
  const target = new URL(database.reveal());
  const name = target.pathname.slice(1);
  // It refuses to run as root: it becomes this user, who must be able to read its files.
  const user = process.getuid?.() === 0 ? 'nobody' : undefined;
  const server = await startServer({
    program: pgbouncerProgram,
    args(port, folder) {
      const users = path.join(folder, 'users.txt');
      writeFileSync(users, `${quoted(target.username)} ${quoted(target.password)}\n`);
      const lines = {
        listen_addr: '127.0.0.1',
        listen_port: port,
        unix_socket_dir: '',
        auth_type: 'scram-sha-256',
        auth_file: users,
        ...settings,
      };
      const file = path.join(folder, 'pgbouncer.ini');
      const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}`);
      writeFileSync(
        file,
        [`[databases]`, `${name} = host=${target.hostname} port=${target.port}`, '[pgbouncer]', ...text, ''].join('\n'),
      );
      if (user) {
        chmodSync(folder, 0o755);
        for (const one of [users, file]) chownSync(one, ...nobody);
      }
      return [...(user ? ['-u', user] : []), file];
    },
    ready: 'process up',
  });
  target.host = `127.0.0.1:${server.port}`;
  return { ...server, url: new Secret(target.href) };
}

/** Writes a part of a URL as PgBouncer's user list has it. */
function quoted(text: string): string {
  return `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
}

/** The user and group `nobody` of Debian. */
const nobody = [65_534, 65_534] as const;
