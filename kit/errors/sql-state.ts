/** PostgreSQL's code for what went wrong (appendix A of its manual), in an error of pg or of Prisma; undefined in any other. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = field(adapterReport(error), 'originalCode') ?? field(error, 'code');
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * What Prisma's adapter reported of an error: `kind` and, from the server, `originalCode`. Where Prisma's client puts it
 * is found in no documentation: below `meta`, or, where a transaction's COMMIT failed, as the cause of the adapter's
 * own error.
 */
export function adapterReport(error: unknown): unknown {
  const below = field(field(error, 'meta'), 'driverAdapterError');
  return field(below ?? (field(error, 'name') === 'DriverAdapterError' ? error : undefined), 'cause');
}

/** A field of what may not be an object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
