import type { Paste } from './commands.ts';
import { differenceOf } from './compare.ts';
import { openShell } from './shell.ts';

/**
 * Runs blocks of commands of a document in order, in one shell.
 * @param file name of the document, for errors
 * @throws Error with the line and the output, if a command fails or its output is not the documented one
 */
export async function pasteAll(
  file: string,
  pastes: readonly Paste[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const shell = openShell(cwd, env);
  try {
    for (const { line, commands, answer } of pastes) {
      const { output, errors, status } = await shell.paste(commands);
      const difference = status === 0 ? differenceOf(answer, output) : `exited with ${status}\n${output}`;
      if (difference !== undefined) throw new Error(`${file}:${line}: ${commands.trim()}\n${difference}\n${errors}`);
    }
  } finally {
    shell.close();
  }
}
