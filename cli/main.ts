// npm run signet -- <command>: administers Signet from the command line.
import { constants } from 'node:os';
import { readEnvironment } from '#kit/config/environment.ts';
import { createCli } from './cli.ts';
import { createOutput } from './output.ts';
import { runCommand } from './run.ts';
import { createTerminal } from './terminal.ts';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader closed the pipe, as `| head` does.
    if (error.code !== 'EPIPE') throw error;
  });
}

const output = createOutput(process.stdout, process.stderr);
const cli = createCli({
  environment: readEnvironment(),
  output,
  terminal: createTerminal(process.stdin, process.stderr),
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  const leave = () => process.exit(128 + constants.signals[signal]);
  process.once(signal, () => {
    cli.stop().then(leave, leave);
  });
}

process.exitCode = await runCommand(cli, process.argv.slice(2));
