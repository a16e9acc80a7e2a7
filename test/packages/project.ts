import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from '../../scripts/check/check.ts';
import { runQuietly } from '../../scripts/command.mjs';
import { newcomersEnvironment } from '../../scripts/newcomer.ts';
import type { Tarball } from '../../scripts/packages/build.ts';
import { stepsOf } from './readme.ts';

/** A project that uses the packages. */
export interface Project {
  readonly folder: string;
  /** Runs shell commands in the project and returns their output. */
  run(commands: string): Promise<string>;
  /** Starts a program that serves until `close`, and returns the first line that it prints. */
  serve(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string>;
  /** Ends the programs. */
  close(): Promise<void>;
}

/** Creates a project with the tarballs of the packages in it. */
export async function createProject(folder: string, tarballs: readonly Tarball[]): Promise<Project> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  for (const { file } of tarballs) await copyFile(file, path.join(folder, path.basename(file)));
  const newcomer = newcomersEnvironment();
  // npm runs on the pinned Node.
  const PATH = [path.dirname(process.execPath), newcomer['PATH']].join(path.delimiter);
  const environment = { ...newcomer, PATH, npm_config_audit: 'false', npm_config_fund: 'false' };
  const serving = new Set<ChildProcess>();
  return {
    folder,
    run: (commands) => runQuietly('sh', ['-ec', commands], { cwd: folder, env: environment }),
    async serve(program, args, env) {
      const child = spawn(program, args, {
        cwd: folder,
        env: { ...environment, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      serving.add(child);
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const exited = once(child, 'exit').then(() => Promise.reject(new Error(`${program} has ended: ${errors}`)));
      exited.catch(() => undefined);
      const printed = once(child.stdout, 'data').then(([chunk]) => String(chunk).split('\n')[0] ?? '');
      return Promise.race([printed, exited]);
    },
    async close() {
      await Promise.all(
        [...serving].map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.kill();
          await once(child, 'exit');
        }),
      );
    },
  };
}

/** Follows the README of a package in a project: writes its files and runs its commands. */
export async function follow(project: Project, name: string): Promise<void> {
  for (const step of stepsOf(await readmeOf(name))) {
    if (step.kind === 'commands') {
      await project.run(step.text);
      continue;
    }
    const file = path.join(project.folder, step.name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, step.text);
  }
}

/** The README of a package. */
export function readmeOf(name: string): Promise<string> {
  return readFile(path.join(root, 'packages', name, 'README.md'), 'utf8');
}
