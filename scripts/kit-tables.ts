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
 * Replaces Prisma's SQL of new kit tables (kit/events, kit/erasure, kit/idempotency) in a migration with the kit's own.
 * @param sql the statements, each after a comment and an empty line
 */
export function withKitTables(sql: string, schema: string): string {
  let statements = sql.split(/\n\n(?=-- )/);
  const added: string[] = [];
  for (const [tables, sqlOf] of kitTables) {
    const names = tables.map((table) => `"${schema}"."${table}"`);
    if (!statements.some((statement) => statement.includes(`CREATE TABLE ${names[0]}`))) continue;
    statements = statements.filter((statement) => !names.some((name) => statement.includes(name)));
    added.push(`-- Tables of the kit: ${tables.join(', ')}.\n${sqlOf(schema).trim()}`);
  }
  return [...statements, ...added].join('\n\n');
}
