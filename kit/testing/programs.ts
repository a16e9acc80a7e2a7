import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** A program that a suite needs and this machine may not have. */
export interface Program {
  /** Where it is; undefined where it is not. */
  readonly path: string | undefined;
  /**
   * A suite's title; where the suite is left out for want of the program, it says so, and the run names
   * it at its end (left-out.ts).
   */
  title(suite: string): string;
}

/**
 * Looks for a program on PATH, under any of its names. A suite that needs it is
 * `describe.runIf(program.path)(program.title('...'), ...)`.
 */
export function findProgram(...names: readonly [string, ...string[]]): Program {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const found = names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isProgram);
  return {
    path: found,
    title: (suite) => (found === undefined ? leftOut(suite, `${names.join(' or ')} is not on PATH`) : suite),
  };
}

/** Title of a suite that is left out, with the reason. */
export function leftOut(suite: string, why: string): string {
  return `${suite}${mark}${why}`;
}

/** Tells whether a title is one of a suite that is left out. */
export function isLeftOut(title: string): boolean {
  return title.includes(mark);
}

const mark = ', left out: ';

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
