// npm run release:keep: writes what this release asks of its database to test/releases/v<version>: its migrations, its
// columns, and the statements that its services send while the flows of the tests run. A test runs them on the databases
// of later releases (test/releases/releases.test.ts). With the path of another tree, which is installed: of that tree.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { createDatabase } from '#kit/db/create-database.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { columnsOf } from './columns.ts';
import { root } from '../check/check.ts';

const [tree = root] = process.argv.slice(2);
const { version } = JSON.parse(await readFile(path.join(tree, 'package.json'), 'utf8')) as { version: string };
const folder = path.join(root, 'test', 'releases', `v${version}`);
const migrations = await migrationsOf(tree);
await mkdir(folder, { recursive: true });
await keep('migrations', Object.fromEntries(migrations.map(({ service, names }) => [service, names])));
await keep('columns', await columns());
await keep('statements', await statements());
if (!existsSync(path.join(folder, 'misfits.json'))) await keep('misfits', {});
console.log(`${path.relative(root, folder)}: written`);

async function keep(name: string, value: unknown): Promise<void> {
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(value, undefined, 2)}\n`);
}

async function migrationsOf(from: string) {
  const all = await readdir(path.join(from, 'prisma'));
  const services = all.filter((name) => existsSync(path.join(from, 'prisma', name, 'migrations')));
  return Promise.all(
    services.toSorted().map(async (service) => {
      const entries = await readdir(path.join(from, 'prisma', service, 'migrations'), { withFileTypes: true });
      const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      return { service, names: names.toSorted() };
    }),
  );
}

/** Returns the columns of an empty database of the release. */
async function columns() {
  const server = await startEmbedded({ dataDir: '', ephemeral: true, log: silentLog });
  const client = new Client(server.url('release').reveal());
  try {
    await createDatabase(server.url('postgres'), 'release');
    await client.connect();
    for (const { service, names } of migrations) {
      await client.query(`CREATE SCHEMA ${client.escapeIdentifier(service)}`);
      for (const name of names) {
        await client.query(`SET search_path = ${client.escapeIdentifier(service)}`);
        await client.query(
          await readFile(path.join(tree, 'prisma', service, 'migrations', name, 'migration.sql'), 'utf8'),
        );
      }
    }
    return await columnsOf(
      client,
      migrations.map(({ service }) => service),
    );
  } finally {
    await client.end();
    await server.stop();
  }
}

/** Runs the flows, and returns the statements that read or write rows, by service. */
async function statements(): Promise<Record<string, string[]>> {
  const recorded = path.join(await mkdtemp(path.join(tmpdir(), 'signet-release-')), 'statements');
  try {
    await writeFile(recorded, '');
    const recorder = new URL('record.mjs', import.meta.url).href;
    const flows = spawn(
      process.execPath,
      [path.join(tree, 'node_modules/vitest/vitest.mjs'), 'run', '--project=!fleet', 'test/flows'],
      {
        cwd: tree,
        env: { ...process.env, NODE_OPTIONS: `--import=${recorder}`, RECORDED_STATEMENTS: recorded },
        stdio: 'inherit',
      },
    );
    const [code] = await once(flows, 'exit');
    if (code !== 0) throw new Error('the flows failed');
    const lines = (await readFile(recorded, 'utf8')).split('\n').filter((line) => line !== '');
    const pairs = lines.map((line) => JSON.parse(line) as [service: string, text: string]);
    return Object.fromEntries(
      migrations.map(({ service }) => [
        service,
        distinct(pairs.flatMap(([of, text]) => (of === service ? [text] : []))),
      ]),
    );
  } finally {
    await rm(path.dirname(recorded), { recursive: true, force: true });
  }
}

/** Without those of pg-boss, which migrates its own schema. */
function distinct(texts: readonly string[]): string[] {
  const plain = texts.map((text) => text.replaceAll(/\s+/g, ' ').trim());
  return [...new Set(plain)]
    .filter((text) => /^(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(text) && !/_jobs"?\./.test(text))
    .toSorted();
}
