import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { describeFailure, type Exit, exits } from './failures.ts';
import { createProgram } from './program.ts';

/** Runs one command (arguments without the program's name). Reports a failure on standard error. Returns the exit code. */
export async function runCommand(cli: Cli, args: readonly string[]): Promise<Exit> {
  try {
    await createProgram(cli).parseAsync(args, { from: 'user' });
    return exits.ok;
  } catch (error) {
    // Commander has printed its message. Requested help exits with 0; help for a missing command is a usage error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exits.ok : exits.usage;
    const { lines, exit } = describeFailure(error);
    const [first = '', ...others] = lines;
    cli.output.note(first);
    for (const line of others) cli.output.aside(line);
    return exit;
  }
}
