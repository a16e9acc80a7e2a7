import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** A program that a suite needs and this machine may not have. */
export interface Program {
  /** The names that it goes by. */
  readonly names: readonly string[];
  /** Where it is; undefined where it is not. */
  readonly path: string | undefined;
}

/** Looks for a program on PATH, under any of its names. */
export function findProgram(...names: readonly [string, ...string[]]): Program {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const files = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return { names, path: files.find(isProgram) };
}

/** Title of a suite that needs programs. */
export function titleWith(programs: readonly Program[], title: string): string {
  const missing = programs.filter((program) => program.path === undefined).map(({ names }) => names.join(' or '));
  return missing.length === 0 ? title : leftOut(title, `not on PATH: ${missing.join(', ')}`);
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
