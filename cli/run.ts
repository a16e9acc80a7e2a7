import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { type Exit, exits, told } from './failures.ts';
import { createProgram } from './program.ts';

/** Runs one command, without the names of the program. Failures are reported on standard error. Answers the exit code. */
export async function runCommand(cli: Cli, args: readonly string[]): Promise<Exit> {
  try {
    await createProgram(cli).parseAsync(args, { from: 'user' });
    return exits.ok;
  } catch (error) {
    // Commander has reported it. Requested help is no error; help in place of a command is.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exits.ok : exits.usage;
    const { lines, exit } = told(error);
    const [first = '', ...others] = lines;
    cli.output.note(first);
    for (const line of others) cli.output.aside(line);
    return exit;
  }
}
