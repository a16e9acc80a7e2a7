/** The alphabet of crypt(3). */
export const itoa64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Encodes up to three bytes as crypt(3) does: six bits a character, the lowest first. `bytes` has the highest byte first. */
export function encode64(bytes: readonly number[]): string {
  let value = bytes.reduce((all, byte) => (all << 8) | byte, 0);
  let text = '';
  for (let count = Math.ceil((bytes.length * 8) / 6); count > 0; count -= 1) {
    text += itoa64[value & 63];
    value >>= 6;
  }
  return text;
}
