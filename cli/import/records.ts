import { CsvError, parse as csvParser } from 'csv-parse';
import { pipeline, Readable } from 'node:stream';
import { parser } from 'stream-json';
import { pick } from 'stream-json/filters/pick.js';
import { streamArray } from 'stream-json/streamers/stream-array.js';
import { ConnectError } from '@connectrpc/connect';
import { violationsOf } from '#kit/errors/failure.ts';
import { parse as parseJson } from '#kit/rest/decode.ts';
import { jsonText } from '#kit/rest/json-text.ts';
import { CommandFailure, misuse } from '../failures.ts';
import { inWords } from './account.ts';
import { type Input, recognized, textOf } from './input.ts';
import { linesOf } from './lines.ts';

/** A record of a file. */
export type FileRecord = { readonly place: string } &
  /** `text`: the line, of JSON Lines. */
  (
    | { readonly value: unknown; readonly text?: string }
    /** A line that is not JSON. */
    | { readonly fault: string }
  );

/** The layouts that the files of a product have. */
export interface Layout {
  /** A JSON array at the top level. */
  readonly array?: true;
  /** JSON Lines. */
  readonly lines?: true;
  /** Key of the array in a JSON object, also where the object is on one line. */
  readonly key?: string;
  /** CSV: with a header line that has these columns among others, in any letter case; or without one. */
  readonly csv?: { readonly required: readonly string[] } | { readonly columns: readonly string[] };
}

/** Reads the records of all files from the start, or of another key of their objects. */
export type Read = (key?: string) => AsyncIterable<FileRecord>;

/** Creates the reader of files. The places name the file if there are several. */
export function readerOf(inputs: readonly Input[], layout: Layout): Read {
  return async function* read(key = layout.key) {
    for (const input of inputs) {
      for await (const record of recordsOf(input, key === undefined ? layout : { ...layout, key })) {
        yield inputs.length === 1 ? record : { ...record, place: `${input.name}: ${record.place}` };
      }
    }
  };
}

/** Maximum length of a JSON line, bytes. */
const maxLineBytes = 64 * 1024;
/** Maximum length of a CSV record, bytes. */
const maxCsvRecord = 1024 * 1024;

/**
 * Reads the records of a file one by one.
 * @throws CommandFailure if the file has another layout, or breaks off
 */
async function* recordsOf(input: Input, layout: Layout): AsyncGenerator<FileRecord> {
  const { kind, bytes } = await recognized(input);
  const isObject = kind === 'object' || kind === 'lines';
  if (kind === 'empty') yield* [];
  else if (kind === 'array' && layout.array) yield* elementsOf(textOf(bytes, input.name), input.name, undefined);
  else if (isObject && layout.key) yield* elementsOf(textOf(bytes, input.name), input.name, layout.key);
  else if (kind === 'lines' && layout.lines) yield* jsonLines(bytes);
  else if (kind === 'text' && layout.csv) yield* csvRecords(textOf(bytes, input.name), input.name, layout.csv);
  else {
    throw misuse(`${input.name} ${found[kind]}. Expected ${expectedOf(layout)}; --from names the product.`);
  }
}

const found = {
  empty: '',
  array: 'is a JSON array',
  object: 'is one JSON document',
  lines: 'is a JSON object, or JSON Lines',
  text: 'is not JSON, but perhaps CSV',
};

function expectedOf({ array, lines, key, csv }: Layout): string {
  const ways = [
    lines && 'JSON Lines',
    array && 'a JSON array',
    key !== undefined && `a JSON object with the array ${key}`,
    csv && 'CSV',
  ];
  return ways.filter((way) => typeof way === 'string').join(' or ');
}

/** The lines of a JSON Lines file; blank ones are skipped. */
async function* jsonLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  for await (const { number, bytes: line } of linesOf(bytes, maxLineBytes)) {
    const place = `line ${number}`;
    if (!line) {
      yield { place, fault: `longer than ${maxLineBytes} bytes` };
      continue;
    }
    try {
      const text = jsonText(line).replace(/^\uFEFF/, '');
      if (text.trim() !== '') yield { place, value: parseJson(text), text };
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      yield { place, fault: violationsOf(error).map(inWords).join('; ') };
    }
  }
}

/** The elements of a JSON array, at the top level or in a key of the top level's object. */
async function* elementsOf(
  text: AsyncIterable<string>,
  name: string,
  key: string | undefined,
): AsyncGenerator<FileRecord> {
  const elements = streamArray.asStream();
  const chosen = key === undefined ? [] : [pick.asStream({ filter: key })];
  // The error also ends the iteration below.
  pipeline([Readable.from(text), parser.asStream(), ...chosen, elements], () => undefined);
  let count = 0;
  const place = () => `${key ?? ''}[${count}]`;
  try {
    for await (const { value } of elements as AsyncIterable<{ readonly value: unknown }>) {
      yield { place: place(), value };
      count += 1;
    }
  } catch (error) {
    // The library's error quotes nothing, but has no type.
    if (!(error instanceof Error) || error instanceof CommandFailure || error.constructor !== Error) throw error;
    throw new CommandFailure(`${name} is not valid JSON near ${place()}, or not an array there.`);
  }
}

async function* csvRecords(
  text: AsyncGenerator<string>,
  name: string,
  layout: NonNullable<Layout['csv']>,
): AsyncGenerator<FileRecord> {
  const { head, all } = await headOf(text);
  const columns =
    'columns' in layout ? [...layout.columns] : (names: readonly string[]) => columnsOf(names, layout.required, name);
  const records = csvParser({
    columns,
    delimiter: 'columns' in layout ? ',' : delimiterOf(head),
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: maxCsvRecord,
  });
  // The error also ends the iteration below.
  pipeline(Readable.from(all), records, () => undefined);
  let count = 0;
  try {
    for await (const value of records as AsyncIterable<unknown>) {
      count += 1;
      yield { place: `record ${count}`, value };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CommandFailure(`${name} is not valid CSV after record ${count} (${error.code}).`);
  }
}

/** Reads the first line of a text. Returns it and the text, complete. */
async function headOf(text: AsyncGenerator<string>): Promise<{ head: string; all: AsyncGenerator<string> }> {
  let head = '';
  while (!head.includes('\n') && head.length < maxCsvRecord) {
    const next = await text.next();
    if (next.done) break;
    head += next.value;
  }
  async function* all(): AsyncGenerator<string> {
    yield head;
    yield* text;
  }
  return { head: head.split('\n')[0] ?? '', all: all() };
}

/** The delimiter of a header: of comma, semicolon (spreadsheets in many languages) and tab, the most frequent. */
function delimiterOf(header: string): string {
  const count = (one: string) => header.split(one).length;
  return [',', ';', '\t'].toSorted((a, b) => count(b) - count(a))[0] ?? ',';
}

/** The columns of a header, in lower case. @throws CommandFailure without a required one */
function columnsOf(names: readonly string[], required: readonly string[], file: string): string[] {
  const columns = names.map((name) => name.trim().toLowerCase());
  const missing = required.filter((name) => !columns.includes(name));
  if (missing.length === 0) return columns;
  throw misuse(`${file} has no column ${missing.join(', ')}. Its first line must name the columns.`);
}
