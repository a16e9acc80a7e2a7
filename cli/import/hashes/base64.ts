/** Base64 as in PHC strings: standard alphabet, without padding. Validates nothing; the hash is checked as a whole. */
export function unpadded(base64: string): string {
  return base64.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
}

/** Encodes bytes, or the UTF-8 of a text, as in PHC strings. */
export function encoded(bytes: Uint8Array | string): string {
  return unpadded(Buffer.from(bytes).toString('base64'));
}
