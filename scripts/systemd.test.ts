import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { duration } from '#kit/config/types.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { findProgram } from '#kit/testing/programs.ts';
import { serviceNames } from '../services/registry.ts';
import { root } from './check/check.ts';
import { nodeFlags } from './node-flags.mjs';

/** Where the units expect the project. */
const installed = '/opt/signet';

const run = promisify(execFile);
const folder = path.join(root, 'deploy/systemd');
const files = globSync('*.service', { cwd: folder }).toSorted();

/** A unit for the project where it is. */
function unitOf(file: string): string {
  return readFileSync(path.join(folder, file), 'utf8').replaceAll(installed, path.resolve(root));
}

/** The value of a setting. */
function settingOf(file: string, name: string): string {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(unitOf(file))?.[1] ?? '';
}

test('there is a unit for all services in one process, and a template for one service in a process', () => {
  expect(files).toEqual(['signet.service', 'signet@.service']);
});

test.each(files)('%s runs Node with the flags of npm start', (file) => {
  const [node = '', ...args] = settingOf(file, 'ExecStart').split(' ');
  expect(existsSync(node)).toBe(true);
  expect(args.slice(0, -1)).toEqual(nodeFlags);
  const names = file.includes('@') ? serviceNames : ['all'];
  expect(names.filter((name) => !existsSync(path.join(root, (args.at(-1) ?? '').replace('%i', name))))).toEqual([]);
});

test.each(files)('%s leaves time to drain', (file) => {
  const [, drain = '0s'] = /SIGNET_DRAIN_DELAY=(\w+)/.exec(settingOf(file, 'Environment')) ?? [];
  expect(settingOf(file, 'KillSignal')).toBe('SIGTERM');
  // A SIGTERM to all processes would stop the PostgreSQL of npm start before the services.
  expect(settingOf(file, 'KillMode')).toBe('mixed');
  expect(Number(settingOf(file, 'TimeoutStopSec'))).toBeGreaterThan((duration.parse(drain) + 10_000) / 1_000);
});

const analyze = findProgram('systemd-analyze');

describeWith([analyze], 'deploy/systemd, by systemd-analyze', () => {
  /** Runs systemd-analyze beside the units. */
  async function analyzed(args: readonly string[], change: (unit: string) => string = (unit) => unit): Promise<string> {
    const temporary = await mkdtemp(path.join(tmpdir(), 'signet-systemd-'));
    try {
      for (const file of files) await writeFile(path.join(temporary, file), change(unitOf(file)));
      const { stdout, stderr } = await run(analyze.path!, args, { cwd: temporary });
      return stdout + stderr;
    } finally {
      await rm(temporary, { recursive: true });
    }
  }

  test.each(['./signet.service', './signet@auth.service'])('%s is valid', async (unit) => {
    expect(await analyzed(['verify', '--man=no', unit])).toBe('');
  });

  test('an unknown setting would be reported', async () => {
    const output = await analyzed(['verify', '--man=no', './signet.service'], (unit) =>
      unit.replace('KillMode=', 'KillModes='),
    );
    expect(output).toMatch(/Unknown key.*'KillModes'/);
  });

  test.each(['./signet.service', './signet@.service'])('the exposure of %s is below 2 of 10', async (unit) => {
    expect(await analyzed(['security', '--offline=yes', '--no-pager', '--threshold=20', unit])).toContain(
      'exposure level',
    );
  });
});
