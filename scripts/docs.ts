import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Code } from '@connectrpc/connect';
import type { Keys } from '#kit/config/config.ts';
import { catalogue } from '#kit/errors/catalogue.ts';
import { root } from './check/check.ts';

/** A document whose table is made from code; the words around the table are anybody's. */
export interface Doc {
  /** Path from the project's folder. */
  readonly file: string;
  /** What stands there before anybody has written more. */
  readonly title: string;
  readonly table: () => Promise<string>;
}

/** The documents with such a table. */
export const docs: Doc[] = [
  { file: 'docs/errors.md', title: 'Errors', table: errorTable },
  { file: 'docs/configuration.md', title: 'Configuration', table: keyTable },
];

const begin = '<!-- table: made by npm run generate -->';
const end = '<!-- table ends -->';

/** A document's text as it should be: its own words, and the table that code makes now. */
export async function render(doc: Doc): Promise<string> {
  const file = path.join(root, doc.file);
  const text = existsSync(file) ? await readFile(file, 'utf8') : `# ${doc.title}\n\n${begin}\n${end}\n`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${doc.file} needs the lines "${begin}" and "${end}"`);
  return `${text.slice(0, from)}${begin}\n\n${await doc.table()}\n\n${text.slice(to)}`;
}

/** Writes every document anew. */
export async function writeDocs(): Promise<void> {
  for (const doc of docs) await writeFile(path.join(root, doc.file), await render(doc));
}

async function errorTable(): Promise<string> {
  const rows = Object.entries(catalogue).map(([reason, { status, code, title }]) => {
    const grpc = Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
    return [`\`${reason}\``, String(status), grpc === 'CANCELED' ? 'CANCELLED' : grpc, title];
  });
  return markdownTable(['Reason', 'HTTP', 'gRPC', 'Meaning'], rows);
}

async function keyTable(): Promise<string> {
  const found = new Map<string, { doc: string; defaults: Map<string, string[]> }>();
  for (const [service, keys] of await serviceKeys()) {
    for (const { env, default: standard, optional, doc } of Object.values(keys)) {
      const known = found.get(env) ?? { doc, defaults: new Map<string, string[]>() };
      found.set(env, known);
      if (known.doc !== doc) throw new Error(`${env} is explained in two ways; ${service} has one of them`);
      const value = standard === undefined ? (optional ? 'unset' : 'must be set') : `\`${standard}\``;
      known.defaults.set(value, [...(known.defaults.get(value) ?? []), service]);
    }
  }
  const rows = [...found].toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  return markdownTable(
    ['Variable', 'Default', 'Read by', 'Meaning'],
    rows.map(([env, { defaults, doc }]) => [
      `\`${env}\``,
      [...defaults].map(([value, by]) => (defaults.size > 1 ? `${value} (${by.join(', ')})` : value)).join('; '),
      [...defaults.values()].flat().join(', '),
      doc,
    ]),
  );
}

/** The exported `keys` of every config.ts: each service's, and that of the process that runs them all. */
export async function serviceKeys(): Promise<[service: string, keys: Keys][]> {
  const folder = path.join(root, 'services');
  const names = (await readdir(folder)).filter((name) => existsSync(path.join(folder, name, 'config.ts'))).toSorted();
  return Promise.all(
    names.map(async (name): Promise<[string, Keys]> => {
      const module = (await import(pathToFileURL(path.join(folder, name, 'config.ts')).href)) as { keys?: Keys };
      if (!module.keys) throw new Error(`services/${name}/config.ts exports no keys`);
      return [name === 'all' ? 'npm start' : name, module.keys];
    }),
  );
}

function line(cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

function markdownTable(head: string[], rows: string[][]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

if (import.meta.main) await writeDocs();
