/**
 * The name of the unique constraint that an insert or update ran into: for
 * errors of Prisma's models (P2002), of its raw queries (P2010), and of pg.
 * Undefined for any other error.
 */
export function uniqueViolationOf(error: unknown): string | undefined {
  if (field(error, 'code') === '23505') return text(field(error, 'constraint'));
  // Where Prisma's client puts what the adapter reported; found in no documentation.
  const cause = field(field(field(error, 'meta'), 'driverAdapterError'), 'cause');
  if (field(cause, 'kind') !== 'UniqueConstraintViolation') return undefined;
  return text(field(field(cause, 'constraint'), 'index'));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
