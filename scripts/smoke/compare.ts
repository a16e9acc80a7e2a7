import type { Answer } from './commands.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/**
 * Describes how an output differs from the documented one; undefined if it does not.
 * A UUIDv7, a time and a number of seconds since 1970 match any other; `...` in a
 * text matches any non-empty text.
 */
export function differenceOf(answer: Answer | undefined, output: string): string | undefined {
  if (!answer) return output.trim() === '' ? undefined : `expected no output, got\n${output.trim()}`;
  const { kind, text } = answer;
  if (kind === 'json') return jsonDifference(text, output);
  return kind === 'text'
    ? textDifference(linesOf(text), linesOf(output))
    : headDifference(linesOf(text), linesOf(output));
}

/** The first expected line that an output lacks, in order; undefined if it has all. */
export function missingLine(expected: string, output: string): string | undefined {
  const lines = linesOf(output);
  let from = 0;
  for (const line of linesOf(expected)) {
    const found = lines.findIndex((candidate, index) => index >= from && matches(line, candidate));
    if (found < 0) return line;
    from = found + 1;
  }
  return undefined;
}

function jsonDifference(expected: string, output: string): string | undefined {
  let actual: unknown;
  try {
    actual = JSON.parse(output);
  } catch {
    return `expected JSON, got\n${output.trim()}`;
  }
  return valueDifference('', JSON.parse(expected), actual);
}

function valueDifference(path: string, expected: unknown, actual: unknown): string | undefined {
  const differs = `${path || 'the output'}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
  if (typeof expected === 'string') {
    return typeof actual === 'string' && matches(expected, actual) ? undefined : differs;
  }
  if (typeof expected === 'number') {
    return expected === actual || (isEpoch(expected) && isEpoch(actual)) ? undefined : differs;
  }
  if (!isObject(expected) || !isObject(actual)) return Object.is(expected, actual) ? undefined : differs;
  if (Array.isArray(expected) !== Array.isArray(actual)) return differs;
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const found = valueDifference(path ? `${path}.${name}` : name, expected[name], actual[name]);
    if (found) return found;
  }
  return undefined;
}

function textDifference(expected: string[], actual: string[]): string | undefined {
  for (let index = 0; index < Math.max(expected.length, actual.length); index += 1) {
    const [wanted, given] = [expected[index], actual[index]];
    if (wanted === undefined || given === undefined || !matches(wanted, given)) {
      return `line ${index + 1}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(given)}`;
    }
  }
  return undefined;
}

/** Compares header names case-insensitively; the head may have further headers. */
function headDifference(expected: string[], actual: string[]): string | undefined {
  const lines = actual.map(lowerName);
  const missing = expected.find((wanted) => !lines.some((line) => matches(lowerName(wanted), line)));
  return missing === undefined ? undefined : `${JSON.stringify(missing)} is missing in\n${actual.join('\n')}`;
}

function lowerName(line: string): string {
  return line.replace(/^[\w-]+:/, (name) => name.toLowerCase());
}

function matches(expected: string, actual: string): boolean {
  if (expected === actual) return true;
  if ([uuid, time].some((form) => form.test(expected) && form.test(actual))) return true;
  const parts = expected.split('...').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return parts.length > 1 && new RegExp(`^${parts.join('.+')}$`, 's').test(actual);
}

function isEpoch(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 1e9 && value < 1e10;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function linesOf(text: string): string[] {
  return text.trim().split(/\r?\n/);
}
