import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

/** Output of a command. */
export interface Output {
  /** One JSON document. */
  json(value: unknown): void;
  /** One message as a JSON document, with the proto's field names. */
  message<D extends DescMessage>(desc: D, message: MessageShape<D>): void;
  /** A table for people. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Fields of one item, one per line. */
  record(fields: readonly (readonly [name: string, value: string])[]): void;
  /** Whether standard output is a terminal, where a secret must not appear. */
  readonly isTerminal: boolean;
  /** A line on standard output. */
  line(text: string): void;
  /** A line on standard error, prefixed with `signet:`. */
  note(text: string): void;
  /** A continuation line of the previous note. */
  aside(text: string): void;
  /** Our own text as it is: help on standard output, usage on standard error. */
  readonly help: { readonly out: (text: string) => void; readonly err: (text: string) => void };
}

/** The part of an output stream that is used. */
export type OutputStream = Pick<NodeJS.WriteStream, 'isTTY' | 'write'>;

/** Creates the output on two streams. Table heads are bold on a terminal. */
export function createOutput(stdout: OutputStream, stderr: OutputStream): Output {
  const isPlain = !stdout.isTTY || Boolean(process.env['NO_COLOR']) || process.env['TERM'] === 'dumb';
  const bold = (text: string) => (isPlain ? text : `\u001B[1m${text}\u001B[22m`);
  const line = (text: string) => void stdout.write(`${text}\n`);
  const json = (value: unknown) => line(harmlessJson(JSON.stringify(value, null, 2)));
  return {
    isTerminal: stdout.isTTY,
    json,
    message: (desc, message) => json(toJson(desc, message, { useProtoFieldName: true, alwaysEmitImplicit: true })),
    table(head, rows) {
      const [first, ...others] = layOut([head, ...rows]);
      line(bold(first ?? ''));
      for (const row of others) line(row);
    },
    record(fields) {
      for (const row of layOut(fields)) line(row);
    },
    line: (text) => line(harmless(text)),
    note: (text) => void stderr.write(`signet: ${harmless(text)}\n`),
    aside: (text) => void stderr.write(`${harmless(text)}\n`),
    help: { out: (text) => void stdout.write(text), err: (text) => void stderr.write(text) },
  };
}

/** Formats a time to the second; `-` if unset. */
export function when(time: Timestamp | undefined): string {
  return time === undefined
    ? '-'
    : timestampDate(time)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z');
}

/** Joins words; `-` if empty. */
export function words(list: readonly string[]): string {
  return list.join(' ') || '-';
}

/** Formats rows as lines with aligned columns. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => harmless(cell) || '-'));
  const widths = cells.reduce<number[]>((widest, row) => {
    const own = row.map((cell) => Array.from(cell).length);
    return own.map((width, column) => Math.max(width, widest[column] ?? 0));
  }, []);
  const pad = (cell: string, column: number) => cell + ' '.repeat((widths[column] ?? 0) - Array.from(cell).length);
  return cells.map((row) => row.map(pad).join('  ').trimEnd());
}

/**
 * Replaces control characters. Names, labels and details are untrusted, and a
 * control sequence in one could rewrite the terminal's screen.
 */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}

/** Escapes control characters in a JSON document, except its line ends. */
function harmlessJson(document: string): string {
  return document.replaceAll(/[^\P{C}\n\p{Cn}\p{Co}]|[\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => String.raw`\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
