// npm run signet -- <command>: administers Signet from the command line.
import { constants } from 'node:os';
import type { Environment } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { explain } from '#kit/process/start-error.ts';
import { createCli } from './cli.ts';
import { exits } from './failures.ts';
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
  environment: environmentOrExit(),
  output,
  terminal: createTerminal(process.stdin, process.stderr),
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  const leave = () => process.exit(128 + constants.signals[signal]);
  process.once(signal, () => {
    cli.stop().then(leave, leave);
  });
}

/** Reads the environment; without one no command can run. */
function environmentOrExit(): Environment {
  try {
    return readEnvironment();
  } catch (error) {
    output.note(explain(error));
    process.exit(exits.failed);
  }
}

process.exitCode = await runCommand(cli, process.argv.slice(2));
