import { createHash } from 'node:crypto';

/**
 * Names the statements that a connection may keep prepared. The first `limit`
 * distinct texts get a name each; later ones get none, so that statements made
 * up on the fly can't fill the server's memory.
 * @param limit how many distinct statements a connection may hold
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
