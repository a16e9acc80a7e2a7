/** The migrations from this time on make indexes on tables with data concurrently. Earlier ones may be applied already. */
const concurrentSince = '20261126200000';

const table = /(?:"?\w+"?\.)?"?(\w+)"?/.source;
const createTable = new RegExp(String.raw`CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?${table}`, 'i');
const createIndex = new RegExp(
  String.raw`CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY\b)(?:IF\s+NOT\s+EXISTS\s+)?(?:"?(\w+)"?\s+)?ON\s+(?:ONLY\s+)?${table}`,
  'gi',
);
const alterTable = new RegExp(String.raw`ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?${table}\s([^;]*)`, 'gi');
/** What makes an index in ALTER TABLE. A quoted name may be the same word. */
const keyAdded = /\bADD\s[^;]*?(?<!")\b(UNIQUE|PRIMARY\s+KEY)\b(?!"|\s+USING\s+INDEX\b)/i;

/**
 * Lists the indexes that a migration makes on a table of an earlier migration while writes to it wait.
 * @param partitioned tables on which PostgreSQL makes no index concurrently
 * @returns what to change, one phrase each
 */
export function blockingIndexes(name: string, sql: string, partitioned: ReadonlySet<string> = new Set()): string[] {
  if (name < concurrentSince) return [];
  const indexes = matchesOnOlder(createIndex, sql, 2)
    .filter(([, , on = '']) => !partitioned.has(on))
    .map(
      ([, index = 'without a name', on]) => `the index ${index} on ${on} lacks CONCURRENTLY, in a separate migration`,
    );
  const keys = matchesOnOlder(alterTable, sql, 1).flatMap(([, on = '', actions = '']) => {
    const [, key] = keyAdded.exec(actions) ?? [];
    if (key === undefined || partitioned.has(on)) return [];
    return [`${key} on ${on} lacks USING INDEX, of an index that is made concurrently in a migration before`];
  });
  return [...indexes, ...keys];
}

/** The partitioned tables that a migration creates. */
export function partitionedTables(sql: string): string[] {
  return withoutComments(sql)
    .split(';')
    .filter((statement) => /\)\s*PARTITION\s+BY\b/i.test(statement))
    .flatMap((statement) => createTable.exec(statement)?.[1] ?? []);
}

/**
 * Splits the SQL of a new migration: each index on a table of an earlier migration is made concurrently, in a separate
 * migration.
 * @param sql the statements, each after a comment and an empty line
 * @returns the rest, empty if nothing is left, and the statements of the indexes
 */
export function splitIndexes(sql: string): { rest: string; indexes: { name: string; sql: string }[] } {
  const blocking = new Map(matchesOnOlder(createIndex, sql, 2).map(([start, index = '']) => [start, index]));
  const indexes: { name: string; sql: string }[] = [];
  const rest = sql.split(/\n\n(?=-- )/).filter((statement) => {
    const [start = '', name] = [...blocking].find(([text]) => statement.startsWith(`-- CreateIndex\n${text}`)) ?? [];
    if (name === undefined) return true;
    const concurrent = start.replace('INDEX ', 'INDEX CONCURRENTLY ');
    indexes.push({ name, sql: statement.replace(start, concurrent) });
    return false;
  });
  return { rest: rest.join('\n\n'), indexes };
}

/** The matches whose table, the group `group`, the migration does not create. */
function matchesOnOlder(pattern: RegExp, sql: string, group: number): RegExpMatchArray[] {
  const created = new Set([...sql.matchAll(new RegExp(createTable, 'gi'))].map(([, name]) => name));
  return [...withoutComments(sql).matchAll(pattern)].filter((match) => !created.has(match[group]));
}

function withoutComments(sql: string): string {
  return sql.replaceAll(/^\s*--.*$/gm, '');
}
