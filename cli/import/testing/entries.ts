import { expect } from 'vitest';
import { readHash } from '#kit/password-hash/password-hash.ts';
import type { Entry } from '../entry.ts';
import { readerOf } from '../records.ts';
import type { Source } from '../source.ts';
import { type SourceName, sources } from '../sources/sources.ts';

/*
 * For tests of sources: small exports, written by hand after the products' documents, with hashes made by hashlib of Python
 * 3.11 and passlib 1.7.4. Whole exports are in users-import.exports.test.ts.
 */

/** The password of most hashes. */
export const typed = 'Grüße, 🦊 und Wärme';

/** A project and an account of Firebase, from github.com/firebase/scrypt. The password is user1password. */
export const ofFirebase = {
  signerKey: 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
  separator: 'Bw==',
  passwordHash: 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
  salt: '42xEC+ixf3L2lw==',
};

/** Converts files of a source. */
export function entriesOf(
  name: SourceName,
  files: readonly (string | Buffer | object)[],
  options: { hashConfig?: string; dropHashes?: boolean } = {},
): Promise<Entry[]> {
  const source: Source = sources[name];
  const inputs = files.map((file, index) => ({
    name: `file ${index + 1}`,
    isStandardInput: false,
    close: () => undefined,
    async *read() {
      // In small chunks, as a slow pipe.
      const bytes = Buffer.from(typeof file === 'string' || Buffer.isBuffer(file) ? file : JSON.stringify(file));
      for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
    },
  }));
  const { hashConfig: config, dropHashes = false } = options;
  return Array.fromAsync(source.entries(readerOf(inputs, source.layout), { hashConfig: config, dropHashes }));
}

/** An account as a test expects it. */
function summaryOf(entry: Entry) {
  if ('outcome' in entry)
    return { place: entry.place, outcome: entry.outcome, reason: entry.reason, email: entry.email };
  const { email, name, emailVerified, disabled, createdAt, roles } = entry.user;
  expect(roles, 'nothing in an export becomes a role').toEqual([]);
  return {
    place: entry.place,
    email,
    name,
    ...(emailVerified ? { verified: true } : {}),
    ...(disabled ? { disabled: true } : {}),
    ...(createdAt ? { created: new Date(Number(createdAt.seconds) * 1_000).toISOString().slice(0, 19) } : {}),
    ...(entry.user.passwordHash === '' ? { bare: true } : {}),
  };
}

/** Whether each account's hash matches the password. */
export async function expectPasswords(entries: readonly Entry[], password: string): Promise<void> {
  const found = entries.flatMap((entry) => ('user' in entry ? [entry.user.passwordHash] : [])).filter(Boolean);
  expect(found).not.toEqual([]);
  for (const hash of found) {
    expect([hash, await readHash(hash)?.verify(password)]).toEqual([hash, true]);
    expect([hash, await readHash(hash)?.verify(`${password}.`)]).toEqual([hash, false]);
  }
}

/** The entries as a test expects them. */
export const of = (entries: readonly Entry[]) => entries.map(summaryOf);
/** An entry that is left out. */
export const left = (place: string, reason: string, email = '', outcome = 'rejected') => ({
  place,
  outcome,
  reason,
  email,
});
