import type { DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type FieldViolation, mostViolations } from '#kit/errors/failure.ts';
import { sayName } from './field-name.ts';
import { type TextForm, textFormOf } from './field-text.ts';
import { decodeText } from './percent.ts';

/** A field that a path or a query can carry, reached through messages. */
export interface Leaf {
  /** From the request message down. The last one is the field itself. */
  readonly fields: readonly DescField[];
  /** In proto names, with dots. */
  readonly name: string;
  readonly form: TextForm;
  /** May be given more than once. */
  readonly list: boolean;
}

/** Deepest nesting of messages that query parameters reach. */
const deepest = 8;

/** The leaf of a field path in proto names; an Error says why there is none. */
export function leafAt(desc: DescMessage, fieldPath: readonly string[]): Leaf {
  const fields: DescField[] = [];
  let message: DescMessage | undefined = desc;
  for (const name of fieldPath) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    if (!field)
      throw new Error(`{${fieldPath.join('.')}}: ${message?.typeName ?? fields.at(-1)?.name} has no field "${name}"`);
    fields.push(field);
    message = field.fieldKind === 'message' ? field.message : undefined;
  }
  const last = fields.at(-1);
  const form = last && (last.fieldKind === 'scalar' || last.fieldKind === 'enum') ? textFormOf(last) : undefined;
  if (!form) throw new Error(`{${fieldPath.join('.')}}: a path variable must be a single scalar or enum`);
  return { fields, name: fieldPath.join('.'), form, list: false };
}

/**
 * Every leaf of a message that a query may carry, by each spelling of its path
 * (proto and JSON names). Left out: what the path or the body decides, and the
 * members of a oneof that one of them decides.
 */
export function queryLeaves(desc: DescMessage, taken: readonly (readonly DescField[])[]): ReadonlyMap<string, Leaf> {
  const leaves = new Map<string, Leaf>();

  function isTaken(fields: readonly DescField[]): boolean {
    return taken.some((path) => {
      const shared = fields.findIndex((field, index) => field !== path[index]);
      if (shared === -1) return fields.length === path.length;
      if (shared === path.length) return true;
      const oneof = fields[shared]?.oneof;
      return oneof !== undefined && oneof === path[shared]?.oneof;
    });
  }
  function visit(message: DescMessage, above: readonly DescField[], spellings: readonly string[]): void {
    for (const field of message.fields) {
      const fields = [...above, field];
      if (isTaken(fields)) continue;
      const names = spellings.flatMap((prefix) =>
        [...new Set([field.name, field.jsonName])].map((name) => prefix + name),
      );
      const form = textFormOf(field);
      if (form) {
        const leaf: Leaf = {
          fields,
          name: fields.map(({ name }) => name).join('.'),
          form,
          list: field.fieldKind === 'list',
        };
        for (const name of names) leaves.set(name, leaf);
      } else if (field.fieldKind === 'message' && mayEnter(field.message, fields)) {
        visit(
          field.message,
          fields,
          names.map((name) => `${name}.`),
        );
      }
    }
  }
  visit(desc, [], ['']);
  return leaves;
}

function mayEnter(message: DescMessage, fields: readonly DescField[]): boolean {
  if (message.file.proto.package === 'google.protobuf' || fields.length >= deepest) return false;
  return fields.every((field) => field.parent !== message);
}

/** Reads a query (without its question mark) into JSON. Faults are added to `violations`; past the most that an answer names, it reads no further. */
export function readQuery(
  query: string,
  leaves: ReadonlyMap<string, Leaf>,
  into: JsonObject,
  violations: FieldViolation[],
): void {
  const seen = new Set<Leaf>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    if (violations.length >= mostViolations) return;
    const equals = pair.indexOf('=');
    const key = decodeForm(equals === -1 ? pair : pair.slice(0, equals));
    const text = equals === -1 ? '' : decodeForm(pair.slice(equals + 1));
    const leaf = leaves.get(key);
    if (!leaf) {
      violations.push({ field: sayName(key, '$query'), description: 'There is no such query parameter here.' });
    } else if (seen.has(leaf) && !leaf.list) {
      violations.push({ field: leaf.name, description: 'Given more than once.' });
    } else {
      seen.add(leaf);
      put(leaf, text, into, violations);
    }
  }
}

/** Puts the text of a leaf into JSON; a text of the wrong form is added to `violations`. */
export function put(leaf: Leaf, text: string, into: JsonObject, violations: FieldViolation[]): void {
  const value = leaf.form.toJson(text);
  if (value === undefined) {
    violations.push({ field: leaf.name, description: leaf.form.description });
    return;
  }
  let target = into;
  const last = leaf.fields.length - 1;
  for (const [index, { name }] of leaf.fields.entries()) {
    if (index < last) target = (target[name] ??= {}) as JsonObject;
    else if (leaf.list) ((target[name] ??= []) as JsonValue[]).push(value);
    else target[name] = value;
  }
}

function decodeForm(text: string): string {
  return decodeText(text.replaceAll('+', ' '), '$query');
}
