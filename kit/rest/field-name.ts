const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,9}$/;

/**
 * A name that a caller sent, as it may be repeated in an error: only where it
 * looks like a field's name or path. Anything else might be a value.
 */
export function sayName(name: string, otherwise: string): string {
  return namePattern.test(name) ? name : otherwise;
}
