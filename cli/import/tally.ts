import { hash } from 'node:crypto';
import type { ImportResult } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { normalizeEmail } from '#kit/contract/email.ts';
import type { AnswerOptions } from '../cli.ts';
import type { Output } from '../output.ts';
import type { LeftOut } from './entry.ts';
import type { Page } from './pages.ts';

/** Results of an import. */
export interface Tally {
  readonly counts: Counts;
  /** The place of the last processed entry; undefined before the first. */
  readonly lastPlace: string | undefined;
  /** Counts a page and the server's results; no results in a dry run. */
  add(page: Page, results: readonly ImportResult[]): void;
  /** Whether so many entries were processed since this last returned true. */
  isDue(entries: number): boolean;
  summary(): string;
  /** Prints the results. */
  print(output: Output, options: AnswerOptions): void;
}

/** Numbers of accounts by outcome. */
interface Counts {
  /** Valid in a dry run. */
  valid: number;
  created: number;
  /** Of the created or valid ones. */
  without_password: number;
  /** Of the created or valid ones. */
  disabled: number;
  /** Accounts that existed before. */
  email_taken: number;
  skipped: number;
  rejected: number;
}

/** Maximum number of rejected and skipped accounts that are listed. */
const maxListed = 1_000;

/** Creates the tally of an import. @param isDry whether it is a dry run */
export function createTally(isDry: boolean): Tally {
  const counts: Counts = {
    valid: 0,
    created: 0,
    without_password: 0,
    disabled: 0,
    email_taken: 0,
    skipped: 0,
    rejected: 0,
  };
  const listed: LeftOut[] = [];
  const seen = new Set<number>();
  let lastPlace: string | undefined;
  let processed = 0;
  let reported = 0;

  function leaveOut(one: LeftOut): void {
    counts[one.outcome] += 1;
    if (listed.length < maxListed) listed.push(one);
  }

  /** Counts an account that was sent. */
  function count({ place, user }: Page['users'][number], result: ImportResult | undefined): void {
    const { email } = user;
    const reject = (reason: string, description: string) =>
      leaveOut({ place, outcome: 'rejected', reason, description, email });
    if (!isDry && !result) return reject('NO_RESULT', 'no result from the server');
    if (result?.outcome === 'rejected') return reject(result.reason, result.description);
    // The first of two accounts may have been imported before.
    const key = keyOf(email);
    if (seen.has(key)) return reject('EMAIL_REPEATED', 'has the email of an earlier account of this import');
    seen.add(key);
    if (result?.outcome === 'email_taken') {
      counts.email_taken += 1;
      return;
    }
    counts[isDry ? 'valid' : 'created'] += 1;
    if (user.passwordHash === '') counts.without_password += 1;
    if (user.disabled) counts.disabled += 1;
  }

  /** The counts that apply, by name. */
  function counted(): Partial<Counts> {
    const { valid, created, email_taken, ...others } = counts;
    return isDry ? { valid, ...others } : { created, email_taken, ...others };
  }

  return {
    counts,
    get lastPlace() {
      return lastPlace;
    },
    add(page, results) {
      const before = listed.length;
      for (const one of page.leftOut) leaveOut(one);
      for (const [index, sent] of page.users.entries()) count(sent, results[index]);
      const order = new Map(page.places.map((place, index) => [place, index]));
      const indexOf = ({ place }: LeftOut) => order.get(place) ?? 0;
      listed.splice(before, Infinity, ...listed.slice(before).toSorted((a, b) => indexOf(a) - indexOf(b)));
      lastPlace = page.places.at(-1);
      processed += page.places.length;
    },
    isDue(entries) {
      if (processed - reported < entries) return false;
      reported = processed;
      return true;
    },
    summary: () =>
      [`accounts: ${processed}`, ...Object.entries(counted()).map(([name, value]) => `${inWords(name)} ${value}`)].join(
        ', ',
      ),
    print(output, { json }) {
      if (json) return output.json({ ...counted(), left_out: listed });
      output.record(Object.entries(counted()).map(([name, value]) => [inWords(name), String(value)]));
      if (listed.length === 0) return;
      output.table(
        ['PLACE', 'EMAIL', 'OUTCOME', 'REASON'],
        listed.map(({ place, email, outcome, reason, description }) => [
          place,
          email,
          outcome,
          `${description} (${reason})`,
        ]),
      );
      const leftOut = counts.rejected + counts.skipped;
      if (leftOut > listed.length) output.note(`only the first ${listed.length} of ${leftOut} accounts are listed`);
    },
  };
}

const inWords = (name: string) => name.replaceAll('_', ' ');

/** Identifies an email in 48 bits, so that an import of millions fits into memory. */
function keyOf(email: string): number {
  return hash('sha256', normalizeEmail(email), 'buffer').readUIntBE(0, 6);
}
