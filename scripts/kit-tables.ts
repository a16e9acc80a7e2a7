import { consumerTables, ownerTable, producerTables } from '#kit/events/tables.ts';
import { idempotencyTable } from '#kit/idempotency/table.ts';

/** The tables of the kit in a service's schema, with their SQL: it has parts that Prisma does not know. */
const kitTables: readonly (readonly [tables: readonly string[], sqlOf: (schema: string) => string])[] = [
  [['owners'], ownerTable],
  [['events', 'event_head'], producerTables],
  [['event_cursors'], consumerTables],
  [['idempotency_keys'], idempotencyTable],
];

/**
 * Replaces Prisma's SQL of new kit tables (kit/events, kit/erasure, kit/idempotency) in a migration with the kit's own: the
 * tables, and the indexes that the kit's SQL makes.
 * @param sql the statements, each after a comment and an empty line
 */
export function withKitTables(sql: string, schema: string): string {
  let statements = sql.split(/\n\n(?=-- )/);
  const added: string[] = [];
  for (const [tables, sqlOf] of kitTables) {
    const created = tables.map((table) => `CREATE TABLE "${schema}"."${table}"`);
    if (!statements.some((statement) => statement.includes(created[0] ?? ''))) continue;
    const sqlOfKit = sqlOf(schema).trim();
    const made = [...sqlOfKit.matchAll(/INDEX "\w+"/g)].map(([index]) => `${index} ON`);
    statements = statements.filter((statement) => ![...created, ...made].some((start) => statement.includes(start)));
    added.push(`-- Tables of the kit: ${tables.join(', ')}.\n${sqlOfKit}`);
  }
  return [...statements, ...added].join('\n\n');
}
