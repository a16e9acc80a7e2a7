import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { childEnvironment } from '#kit/testing/child.ts';
import about from '../package.json' with { type: 'json' };
import { run } from './testing/run.ts';

const token = { SIGNET_CLI_TOKEN: 'a.b.c' };

test.each([
  ['no command', []],
  ['a group without a command', ['users']],
  ['an unknown command', ['users', 'lst']],
  ['an unknown option', ['users', 'list', '--colour']],
  ['a missing argument', ['users', 'show']],
  ['an argument too many', ['users', 'list', 'all']],
  ['a limit of 0', ['users', 'list', '--limit', '0']],
  ['an invalid time', ['audit', 'list', '--from', 'yesterday']],
  ['an invalid head', ['audit', 'verify', '--expect', 'abc']],
  ['an invalid URL', ['users', 'list', '--url', 'localhost:8080']],
  ['a session id with --all', ['sessions', 'revoke', 'x', '--all']],
  ['--user without --all', ['sessions', 'revoke', 'x', '--user', 'ada@example.com']],
])('%s is a usage error: exit code 2 and a message on standard error', async (_, args) => {
  const { exit, stdout, stderr } = await run(args, { environment: token });
  expect([exit, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^(signet: |Usage: signet )/);
});

test('every command has help with an example', async () => {
  const { exit, stdout } = await run(['--help']);
  expect(exit).toBe(0);
  const commandsOf = (help: string) =>
    Array.from(help.split('Commands:\n')[1]?.matchAll(/^ {2}([a-z]+)/gm) ?? [], ([, name = '']) => name);
  const groups = commandsOf(stdout).filter((name) => name !== 'help');
  expect(groups).toEqual([
    'users',
    'sessions',
    'keys',
    'roles',
    'audit',
    'db',
    'events',
    'jobs',
    'analytics',
    'config',
    'services',
    'completion',
  ]);
  const commands = groups.map(async (group) => {
    const { stdout: help } = await run([group, '--help']);
    return commandsOf(help).flatMap((name) => (name === 'help' ? [] : [[group, name] as const]));
  });
  for (const [group, name] of (await Promise.all(commands)).flat()) {
    const { exit: code, stdout: text } = await run([group, name, '--help']);
    expect([code, text]).toEqual([0, expect.stringContaining(`Example:\n  npm run -s signet -- ${group} ${name}`)]);
  }
});

test.each([
  ['users', 'disable', 'ada@example.com'],
  ['keys', 'revoke', 'a-kid'],
  ['roles', 'delete', 'auditor'],
  ['sessions', 'revoke', '--all', '--user', 'ada@example.com'],
])('%s %s requires --yes without a terminal', async (...args) => {
  const { exit, stderr } = await run([...args, '--url', 'http://localhost:1'], { environment: token });
  expect([exit, stderr]).toEqual([2, 'signet: confirmation required, but no terminal is attached; add --yes.\n']);
});

test('a kid that begins with a hyphen is an argument, and a misspelt option is one too many', async () => {
  const at = ['--url', 'http://127.0.0.1:1'];
  const hyphen = await run(['keys', 'revoke', '-Zb3', '--yes', ...at], { environment: token });
  expect([hyphen.exit, hyphen.stderr]).toEqual([3, expect.stringContaining('ECONNREFUSED')]);
  const misspelt = await run(['keys', 'revoke', 'a-kid', '--yess', ...at], { environment: token });
  expect(misspelt.exit).toBe(2);
});

test('--version prints the version of the package', async () => {
  const { exit, stdout } = await run(['--version']);
  expect([exit, stdout]).toEqual([0, `${about.version}\n`]);
});

test('--url may stand before the command; a command that contacts no server refuses it', async () => {
  const before = await run(['--url', 'http://127.0.0.1:1', 'users', 'list'], { environment: token });
  expect([before.exit, before.stderr]).toEqual([3, 'signet: The server cannot be reached (ECONNREFUSED).\n']);
  const both = await run(['--url', 'http://x', 'users', 'list', '--url', 'http://127.0.0.1:1'], { environment: token });
  expect(both.stderr).toContain('ECONNREFUSED');
  const local = await run(['--url', 'http://127.0.0.1:1', 'config', 'print']);
  expect([local.exit, local.stderr]).toEqual([2, expect.stringContaining('does not contact the server')]);
});

test.each(['bash', 'zsh', 'fish'])('the completion script for %s has every command and option', async (shell) => {
  const { exit, stdout } = await run(['completion', shell]);
  expect(exit).toBe(0);
  for (const word of ['users', 'import', 'revoke', 'completion', 'url', 'yes', 'version']) {
    expect(stdout, word).toContain(word);
  }
});

test.runIf(existsSync('/bin/bash'))('bash accepts its script, and completes commands and options', async () => {
  const { stdout: script } = await run(['completion', 'bash']);
  const complete = (words: string) =>
    execFileSync('/bin/bash', [
      '-c',
      `${script}\nCOMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _signet; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ])
      .toString()
      .split('\n')
      .filter(Boolean);
  expect(complete(`signet us`)).toEqual(['users']);
  expect(complete(`signet users li`)).toEqual(['list']);
  expect(complete(`signet users list --ema`)).toEqual(['--email']);
});

test('without credentials and terminal, explains how to sign in', async () => {
  const { exit, stderr } = await run(['users', 'list']);
  expect([exit, stderr]).toEqual([2, expect.stringContaining('set SIGNET_CLI_EMAIL and SIGNET_CLI_PASSWORD')]);
});

test('exits with 3 if the server is unreachable', async () => {
  const { exit, stdout, stderr } = await run(['users', 'list', '--json', '--url', 'http://127.0.0.1:1'], {
    environment: token,
  });
  expect([exit, stdout, stderr]).toEqual([3, '', 'signet: The server cannot be reached (ECONNREFUSED).\n']);
});

test('exits with 3 if the server is not Signet', async () => {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1>Hello</h1>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { exit, stderr } = await run(['users', 'list', '--url', `http://127.0.0.1:${port}`], { environment: token });
  server.close();
  expect([exit, stderr]).toEqual([3, 'signet: The server at this URL is not Signet, or speaks https:// only.\n']);
});

test('ignores a closed output pipe', async () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, 'config', 'print'], {
    env: childEnvironment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const [exit] = (await once(child, 'close')) as [number | null];
  expect([exit, stderr]).toEqual([0, '']);
});
