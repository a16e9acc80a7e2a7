/**
 * Writes the comments of Signet's protos by full name, for the OpenAPI document.
 * Generated code has no comments at run time.
 *
 * Usage: node scripts/comments.ts [file]; gen/comments.json by default.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Comments of a file's elements by full name, each paragraph on one line. */
export function commentsOf(file: FileDescriptorProto): Map<string, string> {
  const names = new Map<string, string>();
  name(names, [6], file.package, file.service, (service, path, full) => {
    name(names, [...path, 2], full, service.method);
  });
  nameMessages(names, [4], file.package, file.messageType);
  nameEnums(names, [5], file.package, file.enumType);

  const comments = new Map<string, string>();
  for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
    const full = names.get(path.join('.'));
    if (full !== undefined && leadingComments !== '') comments.set(full, unwrap(leadingComments));
  }
  return comments;
}

// The numbers are field numbers of descriptor.proto, which is what paths in SourceCodeInfo are made of.
function nameMessages(names: Map<string, string>, path: number[], prefix: string, messages: DescriptorProto[]): void {
  name(names, path, prefix, messages, (message, at, full) => {
    name(names, [...at, 2], full, message.field);
    name(names, [...at, 8], full, message.oneofDecl);
    nameMessages(names, [...at, 3], full, message.nestedType);
    nameEnums(names, [...at, 4], full, message.enumType);
  });
}

function nameEnums(names: Map<string, string>, path: number[], prefix: string, enums: EnumDescriptorProto[]): void {
  name(names, path, prefix, enums, (item, at, full) => name(names, [...at, 2], full, item.value));
}

function name<T extends { name: string }>(
  names: Map<string, string>,
  path: readonly number[],
  prefix: string,
  items: readonly T[],
  within?: (item: T, path: number[], full: string) => void,
): void {
  for (const [index, item] of items.entries()) {
    const at = [...path, index];
    const full = `${prefix}.${item.name}`;
    names.set(at.join('.'), full);
    within?.(item, at, full);
  }
}

function unwrap(comment: string): string {
  return comment
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replace(/\s+/g, ' '))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}

if (import.meta.main) {
  const image = execFileSync('buf', ['build', 'proto', '-o', '-#format=binpb'], {
    cwd: root,
    env: { ...process.env, PATH: `${root}node_modules/.bin:${process.env['PATH'] ?? ''}` },
    maxBuffer: 64 * 1024 * 1024,
  });
  const { file } = fromBinary(FileDescriptorSetSchema, image);
  const ours = file.filter((candidate) => candidate.package.startsWith('signet.'));
  const comments = Object.fromEntries(
    ours.flatMap((one) => [...commentsOf(one)]).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileSync(process.argv[2] ?? `${root}gen/comments.json`, `${JSON.stringify(comments, null, 2)}\n`);
}
