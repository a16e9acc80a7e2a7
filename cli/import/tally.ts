import type { ImportResult } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import type { AnswerOptions } from '../cli.ts';
import type { Output } from '../output.ts';
import type { Page } from './accounts.ts';

/** Results of an import. */
export interface Tally {
  /** Number of rejected lines. */
  readonly rejected: number;
  /** Number of the last processed line. */
  readonly lastLine: number;
  /** Counts a page and the server's results; no results in a dry run. */
  add(page: Page, results: readonly ImportResult[]): void;
  /** Whether so many lines were processed since this last returned true. */
  isDue(lines: number): boolean;
  summary(): string;
  /** Prints the results. */
  print(output: Output, options: AnswerOptions): void;
}

/** Maximum number of rejected lines that are listed. */
const maxListed = 1_000;

/** Creates the tally of an import. @param isDry whether it is a dry run */
export function createTally(isDry: boolean): Tally {
  const counts = { sound: 0, created: 0, email_taken: 0, rejected: 0 };
  const named: { readonly line: number; readonly reason: string }[] = [];
  let lastLine = 0;
  let reportedLine = 0;

  function reject(line: number, reason: string): void {
    counts.rejected += 1;
    if (named.length < maxListed) named.push({ line, reason });
  }

  /** The counts by name. */
  function counted() {
    const { sound, created, email_taken, rejected } = counts;
    return isDry ? { sound, rejected } : { created, email_taken, rejected };
  }

  return {
    get rejected() {
      return counts.rejected;
    },
    get lastLine() {
      return lastLine;
    },
    add(page, results) {
      const before = named.length;
      for (const { line, why } of page.rejected) reject(line, why);
      for (const [place, { line }] of page.users.entries()) {
        const result = results[place];
        if (isDry) counts.sound += 1;
        else if (result?.outcome === 'created') counts.created += 1;
        else if (result?.outcome === 'email_taken') counts.email_taken += 1;
        else reject(line, result ? `${result.description} (${result.reason})` : 'no result from the server');
      }
      named.splice(before, Infinity, ...named.slice(before).toSorted((a, b) => a.line - b.line));
      lastLine = page.lastLine;
    },
    isDue(lines) {
      if (lastLine - reportedLine < lines) return false;
      reportedLine = lastLine;
      return true;
    },
    summary: () =>
      Object.entries(counted())
        .map(([name, count]) => `${count} ${words[name] ?? name}`)
        .join(', '),
    print(output, { json }) {
      if (json) return output.json({ ...counted(), rejected_lines: named });
      output.record(Object.entries(counted()).map(([name, count]) => [words[name] ?? name, String(count)]));
      if (named.length === 0) return;
      output.table(
        ['LINE', 'REASON'],
        named.map(({ line, reason }) => [String(line), reason]),
      );
      if (counts.rejected > named.length)
        output.note(`only the first ${named.length} of ${counts.rejected} rejected lines are listed`);
    },
  };
}

const words: Readonly<Record<string, string>> = { sound: 'valid', email_taken: 'email taken' };
