import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { leftOut } from '#kit/testing/programs.ts';
import { admin, openSystem, type System } from '../../test/system.ts';
import type { SourceName } from '../import/sources/sources.ts';
import { as, run } from '../testing/run.ts';

/*
 * Imports exports in the shape of other products, with hashes made by those products or by independent libraries, and signs
 * in with the passwords. The files are not part of this project; IMPORTS_DIR is their directory. users-import.test.ts and
 * users-import.sources.test.ts have small exports of their own.
 */
const folder = process.env['IMPORTS_DIR'] ?? path.resolve(import.meta.dirname, '../../../shared/testdata/imports');
const present = existsSync(path.join(folder, 'expected.json'));

/** What is expected of an account. `decide`: either, but it is decided at import. */
interface Expected {
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
interface Import {
  readonly from: SourceName;
  readonly hashConfig?: string;
  /** A file that is named together with the expected one. */
  readonly with?: string;
  /** Lines before the first record that the expected places count. */
  readonly header?: number;
}

/** How each file is imported. */
const imports: Readonly<Record<string, Import>> = {
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

/** Hash configurations of Firebase that are expected to fail; they have a test of their own. */
const failing = ['firebase-hash-config-costly.txt', 'firebase-hash-config-broken.txt'];

/** Reasons that differ from the expected ones, by email, or by file and place. */
const otherReasons: Readonly<Record<string, string>> = {
  // Random characters with unused bits set: no password has such a hash, at whatever cost.
  'imre.wp@example.com': 'HASH_MALFORMED',
  'ivo.ory@example.com': 'HASH_MALFORMED',
  'bero.gen@example.com': 'HASH_MALFORMED',
  // MD5 is refused whatever the hash is.
  'bram.a0b@example.com': 'HASH_UNSUPPORTED',
  // These have no email for a reason.
  'authentik-dumpdata.json 3': 'SERVICE_ACCOUNT',
  'supabase-auth-users.csv 16': 'ANONYMOUS',
};

/** Accounts whose expected name is not in the export. */
const nameless = ['mirela.dj@example.com'];

const read = <T>(name: string) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as T;
const groups = present ? read<Group[]>('expected.json') : [];
const passwords = present ? read<Record<string, string>>('passwords.json') : {};

/** The expected accounts of a file and their places; several groups may describe one file. */
function expectedOf(file: string): { readonly place: number; readonly account: Expected }[] {
  return groups.flatMap(({ files, accounts }) => {
    const index = Object.keys(files).indexOf(file);
    return accounts.flatMap((account) => {
      const place = Array.isArray(account.N) ? account.N[index] : account.N;
      // Without a place: records that are no accounts.
      return index < 0 || place === null ? [] : [{ place: place - (imports[file]?.header ?? 0), account }];
    });
  });
}

interface Row {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly password_hash: string | null;
  readonly verified_at: Date | null;
  readonly disabled_at: Date | null;
  readonly created_at: Date;
}

/** An entry of `left_out`. */
interface Left {
  readonly place: string;
  readonly email: string;
  readonly outcome: string;
  readonly reason: string;
}

const title = 'exports of other products';
describe.skipIf(!present)(present ? title : leftOut(title, 'they are not in IMPORTS_DIR'), () => {
  let system: System;
  let db: Client;
  beforeAll(async () => {
    system = await openSystem({ hashing: 'real', env: { SIGNET_LOGIN_LIMIT_ADDRESS: '10000' } });
    db = new Client(connection(system.database.url));
    await db.connect();
    for (const password of Object.values(passwords)) system.secret(password);
  });
  afterAll(async () => {
    await db.end();
    await system.close();
  });

  test('every file has expectations, and every expectation is tested', () => {
    const described = groups.flatMap(({ files }) => Object.keys(files));
    expect([...new Set(described)].toSorted()).toEqual([...Object.keys(imports), ...failing].toSorted());
  });

  /** Imports a file into a database without other accounts. Returns the result and the accounts. */
  async function imported(file: string, { from, hashConfig, with: other }: Import) {
    await db.query('DELETE FROM auth.users WHERE email <> $1', [admin.email]);
    const files = [file, ...(other ? [other] : [])].map((name) => path.join(folder, name));
    const config = hashConfig ? ['--hash-config', path.join(folder, hashConfig)] : [];
    const ended = await run(['users', 'import', ...files, '--from', from, ...config, '--json'], {
      environment: as(system),
    });
    const { rows } = await db.query<Row>('SELECT * FROM auth.users WHERE email <> $1', [admin.email]);
    for (const { password_hash: hash } of rows) {
      if (hash === null) continue;
      system.secret(hash);
      expect(ended.stdout).not.toContain(hash.slice(-16));
    }
    return { ended, accounts: new Map(rows.map((row) => [row.email, row])) };
  }

  /** Signs in, with the imported hash even if an earlier sign-in has replaced it. */
  async function login({ id, email, password_hash: hash }: Row, password: string): Promise<number> {
    await db.query('UPDATE auth.users SET password_hash = $1 WHERE id = $2', [hash, id]);
    const { status, json } = await system.rest('POST', '/auth/login', { body: { email, password } });
    expect(status === 200 || json.code === 'INVALID_CREDENTIALS', `${email}: ${status} ${json.code}`).toBe(true);
    if (status !== 200) return status;
    [json.access_token, json.refresh_token].forEach(system.secret);
    const { rows } = await db.query<Row>('SELECT password_hash FROM auth.users WHERE id = $1', [id]);
    expect(rows[0]?.password_hash, email).toMatch(/^\$argon2id\$/);
    return status;
  }

  test.each(Object.entries(imports))('%s has the expected accounts and passwords', async (file, how) => {
    const { ended, accounts } = await imported(file, how);
    const { created, email_taken: taken, rejected, left_out: left } = ended.json();
    expect([created, taken]).toEqual([accounts.size, 0]);
    expect(ended.exit).toBe(rejected > 0 ? 1 : 0);
    /** The accounts so far, by email in lower case: their emails as spelled in the file. */
    const spellings = new Map<string, string>();
    for (const { place, account } of expectedOf(file)) {
      const { email = '' } = account;
      const first = spellings.get(email.toLowerCase());
      const about = `${file} ${place} ${email}: ${account.why}`;
      const at: Left | undefined = left.find((one: Left) =>
        one.email === '' ? Number(/(\d+)\]?$/.exec(one.place)?.[1]) === place : one.email === email && first !== email,
      );
      const row = accounts.get(email.toLowerCase());
      if (first !== undefined) await expectSecond(about, { at, row, own: passwords[email], first: passwords[first] });
      else if (account.importable === 'no' || (account.importable === 'decide' && !row)) {
        expect(row, about).toBeUndefined();
        const reason = otherReasons[email] ?? otherReasons[`${file} ${place}`] ?? account.reason;
        expect([about, at]).toEqual([about, reason ? expect.objectContaining({ reason }) : expect.anything()]);
      } else if (account.importable === 'suspended-or-no') {
        expect(row?.disabled_at, about).toEqual(expect.any(Date));
        if (row?.password_hash) expect(await login(row, passwords[email] ?? 'unknown'), about).toBe(401);
      } else await expectAccount(about, account, row);
      if (email !== '') spellings.set(email.toLowerCase(), email);
    }
  });

  /** The second of two accounts with one email: it is rejected, and its password does not open the first. */
  async function expectSecond(
    about: string,
    {
      at,
      row,
      own,
      first,
    }: { at: Left | undefined; row: Row | undefined; own: string | undefined; first: string | undefined },
  ): Promise<void> {
    expect([about, at]).toMatchObject([about, { outcome: 'rejected', reason: 'EMAIL_REPEATED' }]);
    if (row?.password_hash && own !== undefined && own !== first) expect(await login(row, own), about).toBe(401);
  }

  async function expectAccount(about: string, account: Expected, row: Row | undefined): Promise<void> {
    const {
      email = '',
      importable,
      at_least: atLeast,
      email_verified: verified,
      name,
      created_at: createdAt,
    } = account;
    expect([about, row]).toMatchObject([about, { disabled_at: null, roles: ['user'] }]);
    if (!row) return;
    if (importable === 'without-password') expect(row.password_hash, about).toBeNull();
    else if (importable === 'yes' && !atLeast) expect(row.password_hash, about).not.toBeNull();
    if (verified !== undefined) expect([about, row.verified_at !== null]).toEqual([about, verified]);
    if (name !== undefined && !nameless.includes(email)) expect([about, row.name]).toEqual([about, name]);
    if (createdAt === 'now') expect(Date.now() - row.created_at.getTime(), about).toBeLessThan(600_000);
    else if (createdAt !== undefined) expect([about, row.created_at]).toEqual([about, new Date(createdAt)]);
    if (row.password_hash !== null) await expectPasswords(about, account, row);
  }

  async function expectPasswords(about: string, account: Expected, row: Row): Promise<void> {
    const { email = '', importable, verifies, also = [] } = account;
    const password = passwords[email];
    if (password === undefined) return;
    const status = await login(row, password);
    // Undecided: bcrypt hashes of passwords over 72 bytes, which are imported and match nothing. Of all else, what was
    // imported can sign in.
    if (verifies === true || importable !== 'yes') expect([about, status]).toEqual([about, 200]);
    expect(await login(row, `${password}x`), about).toBe(401);
    for (const { password: spelling, verifies: fits } of also) {
      const spelled = await login(row, spelling);
      if (fits !== 'decide') expect([about, spelling, spelled]).toEqual([about, spelling, fits ? 200 : 401]);
    }
  }

  test('a costly hash configuration of Firebase rejects every account with a hash', async () => {
    const { ended, accounts } = await imported('firebase-users.json', {
      from: 'firebase',
      hashConfig: 'firebase-hash-config-costly.txt',
    });
    expect(ended.exit).toBe(1);
    expect([...accounts.values()].filter(({ password_hash: hash }) => hash !== null)).toEqual([]);
    const reasons = ended.json().left_out.map(({ reason }: { reason: string }) => reason);
    expect(reasons.filter((reason: string) => reason === 'HASH_TOO_COSTLY').length).toBeGreaterThan(10);
  });

  test('a truncated signer key of Firebase stops before the first account', async () => {
    const { ended, accounts } = await imported('firebase-users.json', {
      from: 'firebase',
      hashConfig: 'firebase-hash-config-broken.txt',
    });
    expect([ended.exit, accounts.size]).toEqual([2, 0]);
    expect(ended.stderr).toMatch(/base64_signer_key .* must have 64 bytes/);
  });

  test('passwords of Auth0 without the profiles stop before the first account', async () => {
    const { ended, accounts } = await imported('auth0-password-export.jsonl', { from: 'auth0' });
    expect([ended.exit, accounts.size]).toEqual([2, 0]);
  });
});
