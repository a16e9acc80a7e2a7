import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Code } from '@connectrpc/connect';
import type { Key } from '#kit/config/config.ts';
import { variablesOf } from '#kit/config/secret-file.ts';
import { besidePool } from '#kit/db/connections.ts';
import { kitReasons, type Reasons } from '#kit/errors/reasons.ts';
import { listenersOf, typeOf } from '#kit/events/types.ts';
import type { AnyService } from '#kit/service/service.ts';
import { poolTogether } from '../services/all/config.ts';
import { serviceKeys } from '../services/keys.ts';
import { services, servicesWithData } from '../services/registry.ts';
import { root } from './check/check.ts';
import { composeServices, healthPorts } from './compose.ts';
import {
  documentsOf,
  kubernetesMigrate,
  kubernetesRoles,
  kubernetesScaling,
  kubernetesServices,
  type Manifest,
} from './kubernetes/objects.ts';
import { clientEntries, exampleFor } from './packages/readme.ts';
import { serviceReasons } from './reasons.ts';

/** A file with a generated part; the rest is written by hand. */
export interface Doc {
  /** Path from the project's folder. */
  readonly file: string;
  /** The lines around the generated part. */
  readonly markers: readonly [begin: string, end: string];
  readonly part: () => Promise<string>;
}

const tableMarkers = markersOf('table');

/** The files with a generated part. */
export const docs: Doc[] = [
  { file: 'docs/errors.md', markers: tableMarkers, part: async () => `\n${await errorTable()}\n` },
  { file: 'docs/configuration.md', markers: tableMarkers, part: async () => `\n${keyTable()}\n` },
  { file: 'docs/events.md', markers: tableMarkers, part: async () => `\n${await eventTable()}\n` },
  { file: 'docs/operating.md', markers: tableMarkers, part: async () => `\n${processTable()}\n` },
  {
    file: 'docs/operating.md',
    markers: ['<!-- pool: made by npm run generate -->', '<!-- pool ends -->'],
    part: async () => `\n${poolSizes()}\n`,
  },
  {
    file: 'docker-compose.yml',
    markers: ['  # services: made by npm run generate', '  # services end'],
    part: async () => composeServices(),
  },
  {
    file: 'deploy/health.mjs',
    markers: ['  // ports: made by npm run generate', '  // ports end'],
    part: async () => healthPorts(),
  },
  manifests('base/services.yaml', kubernetesServices),
  manifests('roles/roles.yaml', kubernetesRoles),
  manifests('migrate/migrate.yaml', kubernetesMigrate),
  manifests('ha/scaling.yaml', kubernetesScaling),
  {
    file: 'packages/guard/README.md',
    markers: markersOf('route'),
    part: async () => `\n${await exampleFor('fastify')}`,
  },
  {
    file: 'packages/guard/README.md',
    markers: markersOf('methods'),
    part: async () => `\n${await exampleFor('connect')}\n${await exampleFor('grpc')}`,
  },
  {
    file: 'packages/client/README.md',
    markers: markersOf('entries'),
    part: async () => `\n${await clientEntries()}\n`,
  },
];

function manifests(file: string, objects: () => readonly Manifest[]): Doc {
  return {
    file: `deploy/kubernetes/${file}`,
    markers: ['# objects: made by npm run generate', '# objects end'],
    part: async () => documentsOf(objects()),
  };
}

function markersOf(part: string): [begin: string, end: string] {
  return [`<!-- ${part}: made by npm run generate -->`, `<!-- ${part} ends -->`];
}

/** Renders a file's text with the current generated part. */
export async function render({ file, markers: [begin, end], part }: Doc): Promise<string> {
  const text = await readFile(path.join(root, file), 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} needs the lines "${begin}" and "${end}"`);
  return `${text.slice(0, from)}${begin}\n${await part()}\n${text.slice(to)}`;
}

/** Updates the generated parts of all documents. */
export async function writeDocs(): Promise<void> {
  for (const doc of docs) await writeFile(path.join(root, doc.file), await render(doc));
}

async function errorTable(): Promise<string> {
  const owned: [string, Reasons][] = [['any service', kitReasons], ...(await serviceReasons())];
  const rows = owned.flatMap(([owner, reasons]) =>
    Object.entries(reasons).map(([reason, { status, code, title }]) => {
      const grpc = Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
      return [`\`${reason}\``, String(status), grpc === 'CANCELED' ? 'CANCELLED' : grpc, owner, title];
    }),
  );
  return markdownTable(['Reason', 'HTTP', 'gRPC', 'Returned by', 'Meaning'], rows);
}

async function eventTable(): Promise<string> {
  const comments = JSON.parse(await readFile(path.join(root, 'gen/comments.json'), 'utf8')) as Record<string, string>;
  const rows = Object.values<AnyService>(services).flatMap(({ name, produces = [] }) =>
    produces.map((payload) => [
      `\`${typeOf(payload)}\``,
      name,
      // The first paragraph of the message's comment.
      comments[payload.typeName]?.split('\n')[0] ?? '',
      listenersOf(payload).toSorted().join(', ') || 'none yet',
    ]),
  );
  return markdownTable(['Type', 'Producer', 'Meaning', 'Listeners'], rows);
}

function keyTable(): string {
  const found = new Map<string, { key: Key; doc: string; defaults: Map<string, string[]> }>();
  for (const [service, keys] of serviceKeys) {
    for (const key of Object.values(keys)) {
      const { env, default: standard, optional, doc } = key;
      const known = found.get(env) ?? { key, doc, defaults: new Map<string, string[]>() };
      found.set(env, known);
      if (known.doc !== doc) throw new Error(`${env} has two descriptions, one of them in ${service}`);
      const value = standard === undefined ? (optional ? 'unset' : 'must be set') : `\`${standard}\``;
      known.defaults.set(value, [...(known.defaults.get(value) ?? []), service]);
    }
  }
  const rows = [...found].toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  return markdownTable(
    ['Variable', 'Default', 'Read by', 'Meaning'],
    rows.map(([, { key, defaults, doc }]) => [
      variablesOf(key)
        .map((variable) => `\`${variable}\``)
        .join(', '),
      [...defaults].map(([value, by]) => (defaults.size > 1 ? `${value} (${by.join(', ')})` : value)).join('; '),
      [...defaults.values()].flat().join(', '),
      doc,
    ]),
  );
}

/** One row for each process: its ports, and what it cannot run without. */
function processTable(): string {
  const rows = Object.values<AnyService>(services).map(({ name, ports, keys, calls }) => [
    `\`services/${name}/main.ts\``,
    [
      ...(ports.door ? [`${ports.door.default} (REST, Connect, gRPC-Web, gRPC)`] : []),
      ...(ports.grpc ? [`${ports.grpc.default} (gRPC for services)`] : []),
    ].join(', '),
    Object.values<Key>(keys)
      .filter((key) => key.default === undefined && !key.optional)
      .map(({ env }) => `\`${env}\``)
      .join(', '),
    Object.keys(calls).join(', '),
  ]);
  return markdownTable(['Process', 'Ports', 'Required keys', 'Calls'], rows);
}

/** How many connections `npm start` opens, and a configuration of PgBouncer that allows them. */
function poolSizes(): string {
  const needed = servicesWithData.length * (poolTogether + besidePool);
  return [
    `\`npm start\`, with ${servicesWithData.length} services on one user, needs ${needed}:`,
    '',
    '```ini',
    'pool_mode = session',
    'max_client_conn = 200',
    `default_pool_size = ${Math.ceil(needed / 10) * 10}`,
    '```',
  ].join('\n');
}

function line(cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

function markdownTable(head: string[], rows: string[][]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

if (import.meta.main) await writeDocs();
