import { ConnectionFault, errorCode } from './frames.ts';

/** Lengths of the codes of all bytes, bits (RFC 7541 appendix B). The code is canonical, so its bits follow from them. */
const lengths = [
  '13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28',
  '6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10',
  '13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6',
  '15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28',
  '20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24',
  '22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23',
  '26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27',
  '20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26',
].flatMap((row) => row.split(' ').map(Number));

/**
 * The decoder as a machine that takes four bits at a time: `step[16 * state + bits]` is the next state, with the byte that
 * ends there, if one does, in the upper half. A code has at least five bits, so four bits end at most one.
 */
const step = new Int32Array(16 * 256);
/** Whether a string may end in a state: after at most seven bits of padding, all ones. */
const mayEnd = new Uint8Array(256);
const byteEnds = 1 << 16;
const invalid = -1;

build();

function build(): void {
  // The tree of codes: children of inner nodes; a leaf is ~byte. The code of EOS, thirty ones, leads nowhere.
  const tree: [number | undefined, number | undefined][] = [[undefined, undefined]];
  let code = 0;
  let bits = 0;
  const byLength = [...lengths.keys()].toSorted((a, b) => lengths[a]! - lengths[b]! || a - b);
  for (const byte of byLength) {
    code *= 2 ** (lengths[byte]! - bits);
    bits = lengths[byte]!;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit -= 1) {
      const side = (code >>> bit) & 1;
      let next = tree[node]![side];
      if (next === undefined) {
        next = tree.push([undefined, undefined]) - 1;
        tree[node]![side] = next;
      }
      node = next;
    }
    tree[node]![code & 1] = ~byte;
    code += 1;
  }
  for (const [state] of tree.entries())
    for (let four = 0; four < 16; four += 1) step[16 * state + four] = walk(tree, state, four);
  let padded: number | undefined = 0;
  for (let ones = 0; ones < 8; ones += 1) {
    mayEnd[padded!] = 1;
    padded = tree[padded!]![1];
  }
}

function walk(
  tree: readonly (readonly [number | undefined, number | undefined])[],
  from: number,
  four: number,
): number {
  let node = from;
  let ended = 0;
  for (let bit = 3; bit >= 0; bit -= 1) {
    const next = tree[node]![(four >>> bit) & 1];
    if (next === undefined) return invalid;
    if (next < 0) ended = byteEnds * (1 + ~next);
    node = Math.max(0, next);
  }
  return ended + node;
}

/** A code has at least five bits. */
const longest = (bytes: number) => Math.ceil((8 * bytes) / 5);
let scratch = Buffer.allocUnsafe(longest(256));

/**
 * Decodes a string (RFC 7541 section 5.2).
 * @throws ConnectionFault if it is not one
 */
export function decodeHuffman(bytes: Buffer, from: number, to: number): string {
  if (scratch.length < longest(to - from)) scratch = Buffer.allocUnsafe(longest(to - from));
  let state = 0;
  let length = 0;
  for (let at = 2 * from; at < 2 * to; at += 1) {
    const byte = bytes[at >>> 1]!;
    const next = step[16 * state + (at & 1 ? byte & 15 : byte >>> 4)]!;
    if (next === invalid) throw new ConnectionFault(errorCode.compression, 'a Huffman code contains EOS');
    if (next >= byteEnds) scratch[length++] = (next >>> 16) - 1;
    state = next & 0xff;
  }
  if (!mayEnd[state]) throw new ConnectionFault(errorCode.compression, 'a Huffman code has wrong padding');
  return scratch.toString('latin1', 0, length);
}
