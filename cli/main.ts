// npm run signet -- <command>: looks after a Signet from the command line.
import { CommanderError } from 'commander';
import { constants } from 'node:os';
import { readEnvironment } from '#kit/config/environment.ts';
import { createCli } from './cli.ts';
import { exits, told } from './failures.ts';
import { createOutput } from './output.ts';
import { createProgram } from './program.ts';
import { createTerminal } from './terminal.ts';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads has enough: `| head` does that.
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

try {
  await createProgram(cli).parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said what it had to say. Help that was asked for is no error; help instead of a command is.
    process.exitCode = error.exitCode === 0 ? exits.ok : exits.usage;
  } else {
    const { lines, exit } = told(error);
    const [first = '', ...others] = lines;
    output.note(first);
    for (const line of others) output.aside(line);
    process.exitCode = exit;
  }
}
