/** The migrations from this time on make indexes on tables with data concurrently. Earlier ones may be applied already. */
const concurrentSince = '20261126200000';

const creates = /CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)(?:"(\w+)" )?ON (?:"?\w+"?\.)?"?(\w+)"?/g;

/** Lists the indexes that a migration makes on a table of an earlier migration while writes to it wait. */
export function blockingIndexes(name: string, sql: string): string[] {
  if (name < concurrentSince) return [];
  return indexesOnOlder(sql).map(([, index = 'without a name', table]) => `the index ${index} on ${table}`);
}

/**
 * Splits the SQL of a new migration: each index on a table of an earlier migration is made concurrently, in a migration of
 * its own.
 * @param sql the statements, each after a comment and an empty line
 * @returns the rest, empty if nothing is left, and the statements of the indexes
 */
export function splitIndexes(sql: string): { rest: string; indexes: { name: string; sql: string }[] } {
  const blocking = new Map(indexesOnOlder(sql).map(([start, index = '']) => [start, index]));
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

/** The starts of statements that make an index on a table that the migration does not create, with index and table. */
function indexesOnOlder(sql: string): RegExpMatchArray[] {
  const created = new Set([...sql.matchAll(/CREATE TABLE (?:"?\w+"?\.)?"?(\w+)"?/g)].map(([, table]) => table));
  return [...sql.replaceAll(/^\s*--.*$/gm, '').matchAll(creates)].filter(([, , table]) => !created.has(table));
}
