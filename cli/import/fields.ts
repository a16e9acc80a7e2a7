/** An object of an export, of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value if it is an object, otherwise an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** The value if it is an array, otherwise an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is a string, otherwise an empty one. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Joins a first and a last name. */
export function fullName(first: unknown, last: unknown): string {
  return [first, last]
    .map((part) => textOf(part).trim())
    .join(' ')
    .trim();
}

/** Whether a value says yes: true, or as databases and spreadsheets write it. Everything else says no. */
export function isYes(value: unknown): boolean {
  return value === true || /^(true|t|1|yes)$/i.test(textOf(value).trim());
}

/** An object that is JSON in a text, as in the columns of a CSV; empty if it is not. */
export function jsonFieldsOf(value: unknown): Fields {
  if (typeof value !== 'string') return fieldsOf(value);
  try {
    return fieldsOf(JSON.parse(value));
  } catch {
    return {};
  }
}
