import { type DescField, type DescMessage, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { type FieldViolation, maxViolations } from '#kit/errors/failure.ts';
import { safeName } from './field-name.ts';
import { describeField } from './field-text.ts';

/**
 * Returns the fields for which `fromJson` rejected a JSON value, without their
 * values. It is slow and for failures only. Empty if the fault is not in one field
 * (two members of a oneof).
 */
export function diagnose(desc: DescMessage, json: JsonValue, prefix = ''): FieldViolation[] {
  const found: FieldViolation[] = [];
  walk(desc, json, prefix, found);
  return found.slice(0, maxViolations);
}

function walk(desc: DescMessage, json: JsonValue, prefix: string, found: FieldViolation[]): void {
  if (!isObject(json)) {
    found.push({ field: prefix || '$body', description: 'Must be a JSON object.', reason: 'WRONG_TYPE' });
    return;
  }
  const fields = new Map(
    desc.fields.flatMap((field) => [[field.jsonName, field] as const, [field.name, field] as const]),
  );
  const seen = new Set<DescField>();
  for (const [key, value] of Object.entries(json)) {
    if (found.length >= maxViolations) return;
    const field = fields.get(key);
    const path = join(prefix, field ? field.name : safeName(key, '(unknown)'));
    if (!field) found.push({ field: path, description: 'Unknown field.', reason: 'UNKNOWN_FIELD' });
    else if (seen.has(field)) found.push({ field: path, description: 'Repeated.', reason: 'REPEATED' });
    else check(desc, field, key, value, path, found);
    if (field) seen.add(field);
  }
}

function check(
  desc: DescMessage,
  field: DescField,
  key: string,
  value: JsonValue,
  path: string,
  found: FieldViolation[],
) {
  const before = found.length;
  const message = field.message;
  if (message && isPlain(message)) {
    if (field.fieldKind === 'message' && isObject(value)) walk(message, value, path, found);
    else if (field.fieldKind === 'list' && Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        if (found.length >= maxViolations) return;
        if (isObject(item)) walk(message, item, `${path}[${index}]`, found);
      }
    }
  }
  if (found.length > before) return;
  try {
    fromJson(desc, { [key]: value });
  } catch {
    found.push({ field: path, description: describeField(field), reason: 'WRONG_TYPE' });
  }
}

/** Returns whether a message has the ordinary JSON mapping, unlike most well-known types. */
function isPlain(desc: DescMessage): boolean {
  return desc.file.proto.package !== 'google.protobuf' || desc.typeName === 'google.protobuf.Empty';
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}
