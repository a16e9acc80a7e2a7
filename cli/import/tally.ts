import type { ImportResult } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import type { AnswerOptions } from '../cli.ts';
import type { Output } from '../output.ts';
import type { Page } from './accounts.ts';

/** What became of the lines of a file. */
export interface Tally {
  /** How many were rejected. */
  readonly rejected: number;
  /** The last line that was dealt with. */
  readonly lastLine: number;
  /** Counts a page, and what the server made of its accounts; nothing where it was not asked. */
  add(page: Page, results: readonly ImportResult[]): void;
  /** Tells whether so many lines have gone by since it last said so. */
  isDue(lines: number): boolean;
  inWords(): string;
  /** Tells it all. */
  tell(output: Output, options: AnswerOptions): void;
}

/** So many rejected lines are named; more are counted. */
const mostNamed = 1_000;

/** Counts what becomes of lines. @param isDry no server is asked */
export function createTally(isDry: boolean): Tally {
  const counts = { sound: 0, created: 0, email_taken: 0, rejected: 0 };
  const named: { readonly line: number; readonly reason: string }[] = [];
  let lastLine = 0;
  let saidAt = 0;

  function reject(line: number, reason: string): void {
    counts.rejected += 1;
    if (named.length < mostNamed) named.push({ line, reason });
  }

  /** What is counted, by its name. */
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
        else reject(line, result ? `${result.description} (${result.reason})` : 'the server said nothing of it');
      }
      named.splice(before, Infinity, ...named.slice(before).toSorted((a, b) => a.line - b.line));
      lastLine = page.lastLine;
    },
    isDue(lines) {
      if (lastLine - saidAt < lines) return false;
      saidAt = lastLine;
      return true;
    },
    inWords: () =>
      Object.entries(counted())
        .map(([name, count]) => `${count} ${words[name] ?? name}`)
        .join(', '),
    tell(output, { json }) {
      if (json) return output.json({ ...counted(), rejected_lines: named });
      output.record(Object.entries(counted()).map(([name, count]) => [words[name] ?? name, String(count)]));
      if (named.length === 0) return;
      output.table(
        ['LINE', 'WHY IT WAS REJECTED'],
        named.map(({ line, reason }) => [String(line), reason]),
      );
      if (counts.rejected > named.length) output.note(`the first ${named.length} of ${counts.rejected} rejected lines`);
    },
  };
}

const words: Readonly<Record<string, string>> = { email_taken: 'there already' };
