/** Thrown if a database cannot be migrated. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}
