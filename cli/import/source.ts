import type { Conversion, Found } from './account.ts';
import { toEntry } from './account.ts';
import { type Entry, rejected, skipped } from './entry.ts';
import type { FileRecord, Layout, Read } from './records.ts';

/** What a source converts with. */
export interface SourceOptions extends Conversion {
  /** Text of the file of --hash-config. */
  readonly hashConfig: string | undefined;
}

/** A product whose exports can be imported. */
export interface Source {
  /** What its files are, for --help. */
  readonly about: string;
  readonly layout: Layout;
  /** Reads its files twice, which standard input cannot. */
  readonly readsTwice?: true;
  /** Requires --hash-config. */
  readonly takesHashConfig?: true;
  /** Converts the records. @throws CommandFailure if the files or options do not fit */
  entries(read: Read, options: SourceOptions): AsyncIterable<Entry>;
}

/** An account that is left out: the reason, and its description. */
export interface Left {
  readonly outcome: 'rejected' | 'skipped';
  readonly reason: string;
  readonly description: string;
}

/** What a record is: an account, one that is left out, or (undefined) none at all. */
export type Converted = Found | Left | undefined;

/** Converts each record separately. */
export function each(convert: (value: unknown, options: SourceOptions) => Converted): Source['entries'] {
  return async function* entries(read, options) {
    for await (const record of read()) {
      const entry = entryOf(record, (value) => convert(value, options), options);
      if (entry) yield entry;
    }
  };
}

/** Converts a record; undefined if it is no account. */
export function entryOf(
  record: FileRecord,
  convert: (value: unknown) => Converted,
  options: SourceOptions,
): Entry | undefined {
  const { place } = record;
  if ('fault' in record) return rejected(place, 'NOT_JSON', record.fault);
  const converted = convert(record.value);
  if (!converted) return undefined;
  if (!('outcome' in converted)) return toEntry(place, converted, options);
  const { outcome, reason, description } = converted;
  return (outcome === 'rejected' ? rejected : skipped)(place, reason, description);
}

/** The account of a machine. */
export const serviceAccount: Left = {
  outcome: 'skipped',
  reason: 'SERVICE_ACCOUNT',
  description: 'is the account of a machine',
};

/** An account without a person's data. */
export const anonymous: Left = {
  outcome: 'skipped',
  reason: 'ANONYMOUS',
  description: 'is an anonymous account',
};
