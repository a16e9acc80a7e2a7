import { fixedFields, isSent, maxFieldBytes, type Request } from '../session.ts';
import { ConnectionFault, errorCode } from './frames.ts';
import { decodeHuffman } from './huffman.ts';

/** The static table (RFC 7541 appendix A), from index 1. */
export const staticTable: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  ...[':method GET', ':method POST', ':path /', ':path /index.html', ':scheme http', ':scheme https'].map(pair),
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
    'content-disposition content-encoding content-language content-length content-location content-range content-type ' +
    'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since ' +
    'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after ' +
    'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate'
  )
    .split(' ')
    .map((name) => [name, ''] as const),
];

function pair(text: string): readonly [string, string] {
  const [name = '', value = ''] = text.split(' ');
  return [name, value];
}

/** Bytes that a list counts for each field besides its name and value (RFC 9113 section 6.5.2). */
const fieldOverhead = 32;

function fault(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.compression, message);
}

function entry(index: number): readonly [string, string] {
  const found = staticTable[index - 1];
  if (!found) throw fault('an index is not in the table');
  return found;
}

/**
 * Reads a field block. The client allows no dynamic table, so that decoding needs no state.
 * @returns false if the fields are longer than `maxFieldBytes`: not all were read
 * @throws ConnectionFault if the block is invalid, or uses a dynamic table
 */
export function readBlock(block: Buffer, each: (name: string, value: string) => void): boolean {
  let at = 0;
  let size = 0;

  /** Reads an integer that begins in the lower bits of the current byte (RFC 7541 section 5.1). */
  function integer(mask: number): number {
    let value = block[at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = block[at++];
      if (byte === undefined) throw fault('an integer has no end');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw fault('an integer is too large');
  }

  function string(): string {
    const first = block[at];
    if (first === undefined) throw fault('a string is missing');
    const length = integer(0x7f);
    const from = at;
    at += length;
    if (at > block.length) throw fault('a string has no end');
    return first >= 0x80 ? decodeHuffman(block, from, at) : block.toString('latin1', from, at);
  }

  while (at < block.length) {
    const byte = block[at]!;
    if (byte >= 0x20 && byte < 0x40) {
      if (integer(0x1f) !== 0 || size > 0) throw fault('a dynamic table is not allowed');
      continue;
    }
    let name: string;
    let value: string;
    if (byte >= 0x80) {
      [name, value] = entry(integer(0x7f));
    } else {
      // With indexing, without, or never: without a dynamic table, the three forms mean the same.
      const index = integer(byte >= 0x40 ? 0x3f : 0x0f);
      name = index === 0 ? string() : entry(index)[0];
      value = string();
    }
    size += name.length + value.length + fieldOverhead;
    if (size > maxFieldBytes) return false;
    each(name, value);
  }
  return true;
}

/** Literal fields, which the server's side puts into no table: until the next hop, and never (RFC 7541 section 6.2). */
const withoutIndexing = 0x00;
const neverIndexed = 0x10;

/** The names in use are few: of each, encoding is done once. Limited, because clients choose names. */
const names = new Map<string, Buffer>();
const maxNames = 1_000;
const maxNameLength = 64;

/** The beginning of a field of a call: never indexed, because it may be a secret. */
function encodedName(name: string): Buffer {
  const known = names.get(name);
  if (known) return known;
  const encoded = Buffer.concat([Buffer.of(neverIndexed), literal(name)]);
  if (names.size < maxNames && name.length <= maxNameLength) names.set(name, encoded);
  return encoded;
}

/** Bytes of the length of a string, at most. */
const maxLength = 6;

function literal(text: string): Buffer {
  const bytes = Buffer.alloc(text.length + maxLength);
  return bytes.subarray(0, writeString(bytes, 0, text));
}

/** Writes a string of ASCII as it is, after its length. Returns where it ends. */
function writeString(bytes: Buffer, from: number, text: string): number {
  let at = from;
  let { length } = text;
  if (length < 0x7f) {
    bytes[at++] = length;
  } else {
    bytes[at++] = 0x7f;
    for (length -= 0x7f; length >= 0x80; length >>>= 7) bytes[at++] = (length & 0x7f) | 0x80;
    bytes[at++] = length;
  }
  return at + bytes.write(text, at, 'latin1');
}

/**
 * Creates an encoder of requests to a server, whose blocks use no dynamic table.
 * @returns a function that returns a block, valid until the next call; undefined if its fields are longer than `maxBytes`
 */
export function requestEncoder(authority: string): (request: Request, maxBytes: number) => Buffer | undefined {
  /** The fields that all calls of a method have. */
  const beginnings = new Map<string, { readonly bytes: Buffer; readonly size: number }>();
  let scratch = Buffer.allocUnsafe(4_096);
  let isFirst = true;

  function beginningOf(path: string) {
    const known = beginnings.get(path);
    if (known) return known;
    const { ':method': method, ':scheme': scheme, ...others } = fixedFields;
    const fields = Object.entries({
      ':method': method,
      ':scheme': scheme,
      ':authority': authority,
      ':path': path,
      ...others,
    });
    const bytes = Buffer.concat(
      fields.flatMap(([name, value]) => [Buffer.of(withoutIndexing), literal(name), literal(value)]),
    );
    const size = fields.reduce((sum, [name, value]) => sum + name.length + value.length + fieldOverhead, 0);
    const beginning = { bytes, size };
    beginnings.set(path, beginning);
    return beginning;
  }

  return ({ path, timeout, header }, maxBytes) => {
    const beginning = beginningOf(path);
    let { size } = beginning;
    let at = 0;
    reserve(1 + beginning.bytes.length);
    // Announces an empty dynamic table once, so that no change of the server's limit needs an update.
    if (isFirst) scratch[at++] = 0x20;
    at += beginning.bytes.copy(scratch, at);
    if (timeout !== undefined) write('grpc-timeout', timeout);
    for (const [name, value] of header) if (isSent(name, value)) write(name, value);
    if (size > maxBytes) return undefined;
    isFirst = false;
    return scratch.subarray(0, at);

    function write(name: string, value: string): void {
      const encoded = encodedName(name);
      reserve(encoded.length + maxLength + value.length);
      at += encoded.copy(scratch, at);
      at = writeString(scratch, at, value);
      size += name.length + value.length + fieldOverhead;
    }
    function reserve(length: number): void {
      if (at + length <= scratch.length) return;
      const larger = Buffer.allocUnsafe(2 * (at + length));
      scratch.copy(larger, 0, 0, at);
      scratch = larger;
    }
  };
}
