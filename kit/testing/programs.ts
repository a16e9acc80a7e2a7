import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** A program that a suite requires and that may be missing. */
export interface Program {
  /** Alternative names. */
  readonly names: readonly string[];
  /** undefined if it is missing. */
  readonly path: string | undefined;
}

/** Finds a program on PATH by any of its names. */
export function findProgram(...names: readonly [string, ...string[]]): Program {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const files = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return { names, path: files.find(isProgram) };
}

/** Returns the title of a suite that requires programs. */
export function titleWith(programs: readonly Program[], title: string): string {
  const missing = programs.filter((program) => program.path === undefined).map(({ names }) => names.join(' or '));
  return missing.length === 0 ? title : leftOut(title, `not on PATH: ${missing.join(', ')}`);
}

/** Returns the title of a skipped suite, with the reason. */
export function leftOut(suite: string, why: string): string {
  return `${suite}${mark}${why}`;
}

/** Returns whether a title is that of a skipped suite. */
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
