import { createHash } from 'node:crypto';

/**
 * Creates a function that names prepared statements. The first `limit` distinct texts
 * get a name; later ones get none and are not prepared, so that dynamic statements
 * cannot fill the server's memory.
 * @param limit maximum number of prepared statements per connection
 */
export function createStatementNames(limit: number): (query: { readonly sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= limit) return '';
    const name = `s_${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`;
    names.set(sql, name);
    return name;
  };
}
