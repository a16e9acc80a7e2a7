import type { Answer } from './commands.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/**
 * Tells how an answer differs from what a document says; undefined where it does
 * not. What is new each time is compared by form: a UUIDv7 stands for any, so
 * does a time, a number of seconds since 1970 too, and `...` in a text stands
 * for anything.
 */
export function differenceOf(answer: Answer | undefined, output: string): string | undefined {
  if (!answer) return output.trim() === '' ? undefined : `nothing was to be answered, not\n${output.trim()}`;
  const { kind, text } = answer;
  if (kind === 'json') return jsonDifference(text, output);
  return kind === 'text'
    ? textDifference(linesOf(text), linesOf(output))
    : headDifference(linesOf(text), linesOf(output));
}

/** Tells which of a document's lines a longer text lacks, taken in order; undefined where it has them all. */
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
    return `JSON was to be answered, not\n${output.trim()}`;
  }
  return valueDifference('', JSON.parse(expected), actual);
}

function valueDifference(path: string, expected: unknown, actual: unknown): string | undefined {
  const differs = `${path || 'the answer'}: ${JSON.stringify(expected)} was to be answered, not ${JSON.stringify(actual)}`;
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
      return `line ${index + 1}: ${JSON.stringify(wanted)} was to be answered, not ${JSON.stringify(given)}`;
    }
  }
  return undefined;
}

/** Names of headers are compared without regard to letter case, and others than the expected may stand among them. */
function headDifference(expected: string[], actual: string[]): string | undefined {
  const lines = actual.map(lowerName);
  const missing = expected.find((wanted) => !lines.some((line) => matches(lowerName(wanted), line)));
  return missing === undefined ? undefined : `${JSON.stringify(missing)} is not in\n${actual.join('\n')}`;
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
