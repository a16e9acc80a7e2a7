/** Trims as PHP's trim() does, and as WordPress trims what was typed. */
export function trimmed(password: string): string {
  // oxlint-disable-next-line no-control-regex -- PHP trims NUL and vertical tab
  return password.replaceAll(/^[ \t\n\r\0\v]+|[ \t\n\r\0\v]+$/g, '');
}
