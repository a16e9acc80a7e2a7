import type { DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type FieldViolation, maxViolations } from '#kit/errors/failure.ts';
import { safeName } from './field-name.ts';
import { type TextForm, textFormOf } from './field-text.ts';
import { decodeText } from './percent.ts';

/** A field of the request message, possibly nested, that a path or query can set. */
export interface Leaf {
  /** Path from the request message. The last one is the field itself. */
  readonly fields: readonly DescField[];
  /** Path in proto names, separated by dots. */
  readonly name: string;
  readonly form: TextForm;
  /** Whether it may be repeated. */
  readonly list: boolean;
}

/** Maximum nesting depth of messages in query parameters. */
const maxDepth = 8;

/** Returns the leaf of a field path in proto names. @throws Error if the path is invalid */
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
 * Returns the leaves of a message that a query may set, by each spelling of their
 * path (proto and JSON names). Excludes fields set by the path or the body, and the
 * other members of their oneofs.
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
  if (message.file.proto.package === 'google.protobuf' || fields.length >= maxDepth) return false;
  return fields.every((field) => field.parent !== message);
}

/**
 * Parses a query (without its question mark) into JSON. Adds faults to `violations`, and stops at the maximum number of
 * violations in an error.
 */
export function readQuery(
  query: string,
  leaves: ReadonlyMap<string, Leaf>,
  into: JsonObject,
  violations: FieldViolation[],
): void {
  const seen = new Set<Leaf>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    if (violations.length >= maxViolations) return;
    const equals = pair.indexOf('=');
    const key = decodeForm(equals === -1 ? pair : pair.slice(0, equals));
    const text = equals === -1 ? '' : decodeForm(pair.slice(equals + 1));
    const leaf = leaves.get(key);
    if (!leaf) {
      violations.push({
        field: safeName(key, '$query'),
        description: 'Unknown query parameter.',
        reason: 'UNKNOWN_FIELD',
      });
    } else if (seen.has(leaf) && !leaf.list) {
      violations.push({ field: leaf.name, description: 'Repeated.', reason: 'REPEATED' });
    } else {
      seen.add(leaf);
      put(leaf, text, into, violations);
    }
  }
}

/** Sets the value of a leaf in JSON. Adds invalid text to `violations`. */
export function put(leaf: Leaf, text: string, into: JsonObject, violations: FieldViolation[]): void {
  const value = leaf.form.toJson(text);
  if (value === undefined) {
    violations.push({ field: leaf.name, description: leaf.form.description, reason: 'WRONG_TYPE' });
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
