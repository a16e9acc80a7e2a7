/** Returns the SQLSTATE (PostgreSQL manual, appendix A) of an error of pg or Prisma; undefined for other errors. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = field(adapterReport(error), 'originalCode') ?? field(error, 'code');
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * Returns the report of Prisma's adapter in an error: `kind` and, from the server, `originalCode`. Its place is not
 * documented: Prisma's client puts it into `meta` or, if a transaction's COMMIT failed, into the cause of the adapter's
 * error.
 */
export function adapterReport(error: unknown): unknown {
  const below = field(field(error, 'meta'), 'driverAdapterError');
  return field(below ?? (field(error, 'name') === 'DriverAdapterError' ? error : undefined), 'cause');
}

/** Returns a field of a value that may not be an object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
