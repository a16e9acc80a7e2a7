const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,9}$/;

/** Returns a name from a request for use in an error, if it looks like a field name or path. Other text might be a value. */
export function safeName(name: string, otherwise: string): string {
  return namePattern.test(name) ? name : otherwise;
}
