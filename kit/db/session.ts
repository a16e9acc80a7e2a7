import type { ClientBase } from 'pg';
import type { Secret } from '#kit/log/secret.ts';

/**
 * Settings of a session on which statements, transactions and the parsing of results rely. The server's configuration,
 * the database and the role may set others.
 */
const required: readonly Setting[] = [
  // The adapter reads timestamps as UTC.
  { name: 'TimeZone', value: 'UTC', fits: /^(Etc\/)?(UTC|UCT|GMT|Zulu|Universal)$/i },
  // pg and the adapter parse dates, intervals, bytes and numbers in these formats only.
  { name: 'DateStyle', value: 'ISO, MDY', fits: /^ISO\b/i },
  { name: 'IntervalStyle', value: 'postgres' },
  { name: 'bytea_output', value: 'hex' },
  { name: 'extra_float_digits', value: '1', fits: /^[123]$/ },
  { name: 'standard_conforming_strings', value: 'on' },
  { name: 'transform_null_equals', value: 'off' },
  // Stricter isolation fails concurrent statements with 40001, and waiting statements see no newer rows.
  { name: 'default_transaction_isolation', value: 'read committed' },
  { name: 'default_transaction_deferrable', value: 'off' },
  // A service's connections are idle between calls, and it limits its transactions itself.
  { name: 'idle_session_timeout', value: '0' },
  { name: 'transaction_timeout', value: '0' },
];

/** A setting of a session. */
interface Setting {
  readonly name: string;
  /** The value that Signet sets. */
  readonly value: string;
  /** Other values that serve, too. */
  readonly fits?: RegExp;
}

/** Limits of a session, ms. The URL's `options` may set others. */
export type Limits = Readonly<
  Partial<Record<'lock_timeout' | 'statement_timeout' | 'idle_in_transaction_session_timeout', number>>
>;

/**
 * Sets the settings of a new connection that this process has for itself. By a statement and not by a startup parameter,
 * because poolers refuse those. Settings that the server does not know are left out.
 */
export async function pinSession(client: ClientBase, url: Secret, limits: Limits = {}): Promise<void> {
  const own = new URL(url.reveal()).searchParams.get('options') ?? '';
  const chosen = Object.entries(limits).filter(([name]) => !own.includes(`${name}=`));
  const settings = [...required.map(({ name, value }) => [name, value]), ...chosen];
  const values = settings.map(([name, value]) => `('${name}', '${value}')`).join(', ');
  await client.query(
    `SELECT set_config(name, value, false) FROM (VALUES ${values}) AS setting (name, value)
     WHERE current_setting(name, true) IS NOT NULL`,
  );
}

/**
 * Returns the required settings that a connection does not have, as statements that set them for its role. For
 * connections of a pooler in transaction mode, which cannot be pinned: a SET would reach other callers' sessions.
 */
export async function unpinned(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string; setting: string; role: string }>(
    `SELECT name, current_setting(name, true) AS setting, quote_ident(current_user) AS role
     FROM unnest($1::text[]) AS name WHERE current_setting(name, true) IS NOT NULL`,
    [required.map(({ name }) => name)],
  );
  return rows.flatMap(({ name, setting, role }) => {
    const { value, fits } = required.find((one) => one.name === name)!;
    return setting === value || fits?.test(setting) ? [] : [`ALTER ROLE ${role} SET ${name} = '${value}';`];
  });
}
