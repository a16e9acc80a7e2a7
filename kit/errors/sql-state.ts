/** PostgreSQL's code for what went wrong (appendix A of its manual), in an error of pg or of Prisma; undefined in any other. */
export function sqlStateOf(error: unknown): string | undefined {
  // Where Prisma's client puts what the adapter reported; found in no documentation.
  const reported = field(field(field(field(error, 'meta'), 'driverAdapterError'), 'cause'), 'originalCode');
  const code = reported ?? field(error, 'code');
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** A field of what may not be an object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
