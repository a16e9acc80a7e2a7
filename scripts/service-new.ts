// npm run service:new -- <name>: generates a service with one working method and
// registers it. See docs/add-a-service.md.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Script } from 'node:vm';
import { parse } from 'yaml';
import type { AnyService } from '#kit/service/service.ts';
import { services } from '../services/registry.ts';
import { root } from './check/check.ts';
import { runQuietly } from './command.mjs';
import { filesOf, type Names, registryWith } from './service/files.ts';
import { pinnedNode } from './setup.mjs';

const name = process.argv[2] ?? '';
const composed = parse(await readFile(path.join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: object;
};
const taken = new Set([
  ...Object.keys(services),
  ...Object.keys(composed.services),
  'all',
  'fleet',
  'test',
  'policy',
  'type',
  'signet',
]);
if (!/^[a-z][a-z0-9]{1,30}$/.test(name)) refuse('usage: npm run service:new -- <name: lower-case letters and digits>');
if (isReserved(name)) refuse(`${name} is a reserved word of JavaScript`);
if (taken.has(name)) refuse(`the name ${name} is in use`);

const names: Names = { lower: name, pascal: name.slice(0, 1).toUpperCase() + name.slice(1) };
const files = Object.entries(filesOf(names, nextPort()));
const present = files.map(([file]) => file).filter((file) => existsSync(path.join(root, file)));
if (present.length > 0) refuse(`these files exist and are not overwritten: ${present.join(', ')}`);

const registry = path.join(root, 'services', 'registry.ts');
const registered = registryWith(await readFile(registry, 'utf8'), names);
for (const [file, text] of files) {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), text);
  console.log(`wrote    ${file}`);
}
// The registry imports the generated code, so generate that first.
await runQuietly('buf', ['generate', '-o', root], { cwd: root });
await writeFile(registry, registered);
console.log('changed  services/registry.ts');
for (const [script, ...args] of [
  ['scripts/generate.ts'],
  ['scripts/new-migration.ts', name, 'init'],
  ['scripts/format.ts'],
] as const) {
  await runQuietly(pinnedNode, ['--disable-warning=ExperimentalWarning', script, ...args], { cwd: root });
}
console.log(`wrote    prisma/${name}/migrations, gen/, docs/configuration.md, .env.example, docker-compose.yml, deploy
Run npm start, then:  curl -s http://localhost:8080/api/v1/${name}/visits -X POST -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{}'
Next steps: docs/add-a-service.md.`);

/** The port after the highest gRPC port. */
function nextPort(): number {
  const ports = Object.values<AnyService>(services).flatMap(({ ports: { grpc } }) => Number(grpc?.default ?? 0));
  return Math.max(...ports.filter((port) => port < 9_000)) + 1;
}

/** Tells whether a module can have no variable of a name. */
function isReserved(word: string): boolean {
  try {
    // Parsed, never run.
    void new Script(`'use strict'; const ${word} = 0;`);
    return word === 'await';
  } catch {
    return true;
  }
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
