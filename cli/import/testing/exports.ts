import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { SourceName } from '../sources/sources.ts';

/*
 * Exports in the shape of other products, with hashes made by those products or by independent libraries, passwords, and what
 * is expected of each account. They are not part of this project; IMPORTS_DIR is their directory.
 */

/** The directory of the exports. */
export const folder =
  process.env['IMPORTS_DIR'] ?? path.resolve(import.meta.dirname, '../../../../shared/testdata/imports');
/** Whether the exports are there. */
export const present = existsSync(path.join(folder, 'expected.json'));

/** What is expected of an account. `decide`: either, but it is decided at import. */
export interface Expected {
  /** Place in each file. */
  readonly N: number | readonly number[] | null;
  readonly email?: string;
  readonly importable: 'yes' | 'no' | 'without-password' | 'suspended-or-no' | 'decide';
  readonly at_least?: 'without-password';
  readonly verifies?: true | 'decide';
  readonly reason?: string;
  readonly also?: readonly { readonly password: string; readonly verifies: boolean | 'decide' }[];
  readonly email_verified?: boolean;
  readonly created_at?: string;
  readonly name?: string;
  readonly why?: string;
}
interface Group {
  readonly files: Readonly<Record<string, string>>;
  readonly accounts: readonly Expected[];
}

/** An import: its files, and the source with its options. */
export interface Import {
  readonly from: SourceName;
  readonly hashConfig?: string;
  /** A file that is named together with the expected one. */
  readonly with?: string;
  /** Lines before the first record that the expected places count. */
  readonly header?: number;
}

/** How each file is imported. */
export const imports: Readonly<Record<string, Import>> = {
  'keycloak-realm.json': { from: 'keycloak' },
  'shop-users-0.json': { from: 'keycloak' },
  // Only the profiles say who is blocked.
  'auth0-password-export.jsonl': { from: 'auth0', with: 'auth0-users-export.jsonl' },
  'auth0-users-export.jsonl': { from: 'auth0' },
  'auth0-bulk-import.json': { from: 'auth0' },
  'firebase-users.json': { from: 'firebase', hashConfig: 'firebase-hash-config.txt' },
  'firebase-users.csv': { from: 'firebase', hashConfig: 'firebase-hash-config.txt' },
  'cognito-users.csv': { from: 'cognito', header: 1 },
  'cognito-list-users.json': { from: 'cognito' },
  'django-dumpdata.json': { from: 'django' },
  'authentik-dumpdata.json': { from: 'django' },
  'wordpress-users.json': { from: 'wordpress' },
  'wordpress-users.csv': { from: 'wordpress' },
  'better-auth.json': { from: 'better-auth' },
  'supabase-auth-users.csv': { from: 'supabase' },
  'supabase-auth-users.json': { from: 'supabase' },
  'kratos-identities.json': { from: 'kratos' },
  'users.json': { from: 'json' },
  'users.jsonl': { from: 'json' },
  'users.csv': { from: 'csv' },
  'users-excel.csv': { from: 'csv' },
};

/** Hash configurations of Firebase that are expected to fail; they have separate tests. */
export const failing = ['firebase-hash-config-costly.txt', 'firebase-hash-config-broken.txt'];

/** Reasons that differ from the expected ones, by email, or by file and place. */
export const otherReasons: Readonly<Record<string, string>> = {
  // Random characters with unused bits set: no password has such a hash, at whatever cost.
  'imre.wp@example.com': 'HASH_MALFORMED',
  'ivo.ory@example.com': 'HASH_MALFORMED',
  'bero.gen@example.com': 'HASH_MALFORMED',
  // These have no email for a reason.
  'authentik-dumpdata.json 3': 'SERVICE_ACCOUNT',
  'supabase-auth-users.csv 16': 'ANONYMOUS',
};

/** Accounts whose expected name is not in the export. */
export const nameless = ['mirela.dj@example.com'];

const read = (name: string) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as unknown;
/** What is expected of the accounts of each file. */
export const groups = present ? (read('expected.json') as Group[]) : [];
/** The passwords, by email as spelled in the file. */
export const passwords = present ? (read('passwords.json') as Record<string, string>) : {};

/** The expected accounts of a file and their places; several groups may describe one file. */
export function expectedOf(file: string): { readonly place: number; readonly account: Expected }[] {
  return groups.flatMap(({ files, accounts }) => {
    const index = Object.keys(files).indexOf(file);
    return accounts.flatMap((account) => {
      const place = Array.isArray(account.N) ? account.N[index] : account.N;
      // Without a place: records that are no accounts.
      return index < 0 || place === null ? [] : [{ place: place - (imports[file]?.header ?? 0), account }];
    });
  });
}
