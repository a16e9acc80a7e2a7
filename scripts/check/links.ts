import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runQuietly } from '../command.mjs';
import { type Check, expectNone, root } from './check.ts';

const exists = (name: string) => existsSync(path.join(root, name));

/** Every relative link of a document leads to a file, and its anchor to a heading. */
export const links: Check = {
  claim: 'links of documents lead somewhere',
  async run() {
    const documents = await readDocuments();
    expectNone([...documents.keys()].flatMap((name) => deadLinks(name, documents, exists)));
  },
};

/** The texts of the project's documents, by path; none outside a clone. */
export async function readDocuments(): Promise<ReadonlyMap<string, string>> {
  if (!exists('.git')) return new Map();
  const names = (await runQuietly('git', ['ls-files', '-z', '*.md'], { cwd: root })).split('\0').filter(Boolean);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(root, name), 'utf8')] as const)),
  );
}

/**
 * Returns the links of a document that lead nowhere.
 * @param name path of the document in the project
 * @param documents texts of all documents, by path
 * @param isFile whether a path in the project exists
 */
export function deadLinks(
  name: string,
  documents: ReadonlyMap<string, string>,
  isFile: (name: string) => boolean,
): string[] {
  const text = withoutCode(documents.get(name) ?? '');
  return [...text.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const at = file === '' ? name : path.posix.join(path.posix.dirname(name), file);
    if (!isFile(at)) return [`${name}: ${target}: no such file`];
    const document = documents.get(at);
    const isDead = anchor !== undefined && document !== undefined && !anchorsOf(document).has(anchor);
    return isDead ? [`${name}: ${target}: no such heading`] : [];
  });
}

/** The anchors of a document's headings, as GitHub makes them. A repeated one has a number behind it. */
function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(document).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    let unique = slug;
    for (let count = 1; anchors.has(unique); count++) unique = `${slug}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutCode(document: string): string {
  return document.replaceAll(/^ *(`{3,})[^]*?^ *\1 *$/gm, '');
}
