// Runs beside an ephemeral server, in a session of its own. Its standard input
// is a pipe from the process that started the server; when that ends, whatever
// ended it, the server goes and its files with it.
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
  // An initdb that is still at work puts files back until it notices; five seconds outlive it.
  for (const deadline = Date.now() + 5_000; Date.now() < deadline && existsSync(home); await delay(50)) {
    try {
      const server = livePostmaster(dataOf(home));
      // Immediate shutdown: there is nothing worth a checkpoint.
      if (server) process.kill(server.pid, 'SIGQUIT');
      else await removeTree(home, account);
    } catch {
      // Gone meanwhile, or not yet whole: the next turn sees.
    }
  }
}
