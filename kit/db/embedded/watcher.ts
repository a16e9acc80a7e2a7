// Runs beside an ephemeral server, in its own session. Its standard input is a pipe
// from the process that started the server. When that process ends, for whatever
// reason, the watcher stops the server and removes its files.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { dataOf, removeTree } from './home.ts';
import { livePostmaster } from './postmaster.ts';

const [home = '', uid, gid] = process.argv.slice(2);
const account = uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;

process.stdin.resume();
process.stdin.on('end', () => {
  clear().catch(() => process.exit(1));
});

async function clear(): Promise<void> {
  // A running initdb may create files again until it ends, which takes less than five seconds.
  for (const deadline = Date.now() + 5_000; Date.now() < deadline && existsSync(home); await delay(50)) {
    try {
      const server = livePostmaster(dataOf(home));
      // SIGQUIT is an immediate shutdown, without a checkpoint.
      if (server) process.kill(server.pid, 'SIGQUIT');
      else await removeTree(home, account);
    } catch {
      // The server ended meanwhile, or its files are incomplete: tries again.
    }
  }
}
