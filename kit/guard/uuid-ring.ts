/** UUIDs in the order in which they were put, each with the time at which it expires, in seconds since 1970. */
export interface UuidRing {
  has(uuid: Words): boolean;
  /** Adds a UUID as the newest one. If it is there already, it gets the new time. */
  put(uuid: Words, expiresAt: number): void;
  /** Returns when the oldest one expires; Infinity without any. */
  oldest(): number;
  removeOldest(): void;
  readonly size: number;
}

/** The four words of a UUID. */
export type Words = Uint32Array;

/** Words of an entry: those of the UUID, and its time, 0 once it is removed. */
const width = 5;
/** Entries of a ring when it is empty. */
const smallest = 16;

/**
 * Creates an empty ring. A UUID takes 28 bytes, where a Map of strings takes 90: 20 in the ring, and 8 in a hash table
 * with linear probing, which has its place. Both have as many places as a power of two.
 */
export function createUuidRing(): UuidRing {
  let capacity = smallest;
  let ring = new Uint32Array(capacity * width);
  /** Places in the ring, from 1; 0 is free. At most half of the table is in use. */
  let table = new Uint32Array(capacity * 2);
  /** Place of the oldest entry, and the number of entries from there on. Some of them are removed. */
  let [first, length] = [0, 0];
  /** Entries that are not removed. */
  let size = 0;

  /** Where a slot's entry begins in the ring; negative if the slot is free. */
  const startOf = (slot: number) => ((table[slot] ?? 0) - 1) * width;
  const expiryOf = (start: number) => ring[start + 4] ?? 0;

  /** The slot of a UUID, or else the free slot where it belongs. */
  function slotOf(uuid: Words, at: number): number {
    const mask = table.length - 1;
    for (let slot = hashOf(uuid, at) & mask; ; slot = (slot + 1) & mask) {
      const start = startOf(slot);
      if (start < 0 || isEqual(ring, start, uuid, at)) return slot;
    }
  }

  /** Appends a UUID that is not in the table. The ring must have room. */
  function append(uuid: Words, at: number, expiresAt: number): void {
    const place = (first + length) & (capacity - 1);
    const start = place * width;
    // Not by `set`, whose view costs more than these.
    ring[start] = uuid[at] ?? 0;
    ring[start + 1] = uuid[at + 1] ?? 0;
    ring[start + 2] = uuid[at + 2] ?? 0;
    ring[start + 3] = uuid[at + 3] ?? 0;
    ring[start + 4] = expiresAt;
    table[slotOf(uuid, at)] = place + 1;
    length += 1;
    size += 1;
  }

  /** Copies what is not removed into a ring of another capacity. */
  function resize(to: number): void {
    const [old, mask, from, count] = [ring, capacity - 1, first, length];
    capacity = to;
    ring = new Uint32Array(capacity * width);
    table = new Uint32Array(capacity * 2);
    [first, length, size] = [0, 0, 0];
    for (let index = 0; index < count; index++) {
      const start = ((from + index) & mask) * width;
      const expiresAt = old[start + 4] ?? 0;
      if (expiresAt > 0) append(old, start, expiresAt);
    }
  }

  /** Removes a slot's UUID, and moves those behind it that did not find their own slot free. */
  function remove(slot: number): void {
    ring[startOf(slot) + 4] = 0;
    size -= 1;
    const mask = table.length - 1;
    let free = slot;
    for (let next = (slot + 1) & mask; table[next]; next = (next + 1) & mask) {
      const own = hashOf(ring, startOf(next)) & mask;
      // Its own slot is behind the free one: a search for it does not pass the free one.
      if (((next - own) & mask) < ((next - free) & mask)) continue;
      table[free] = table[next] ?? 0;
      free = next;
    }
    table[free] = 0;
    for (; length > 0 && expiryOf(first * width) === 0; length--) first = (first + 1) & (capacity - 1);
  }

  return {
    has: (uuid) => startOf(slotOf(uuid, 0)) >= 0,
    put(uuid, expiresAt) {
      const slot = slotOf(uuid, 0);
      if (startOf(slot) >= 0) remove(slot);
      // A ring of which a quarter is removed has room once these are left out.
      if (length === capacity) resize(size * 4 > capacity * 3 ? capacity * 2 : capacity);
      append(uuid, 0, Math.max(1, expiresAt));
    },
    oldest: () => (length > 0 ? expiryOf(first * width) : Infinity),
    removeOldest() {
      if (length === 0) return;
      remove(slotOf(ring, first * width));
      if (capacity > smallest && size * 8 < capacity) resize(capacity / 4 < smallest ? smallest : capacity / 4);
    },
    get size() {
      return size;
    },
  };
}

/** Hash of a UUID, from all of its words, in case that an issuer's ids end alike. 32 bits. */
export function hashOf(uuid: Words, at: number): number {
  const mixed = (uuid[at] ?? 0) ^ (uuid[at + 1] ?? 0) ^ (uuid[at + 2] ?? 0) ^ (uuid[at + 3] ?? 0);
  return Math.imul(mixed ^ (mixed >>> 15), 0x9e37_79b1) >>> 0;
}

function isEqual(one: Words, at: number, other: Words, otherAt: number): boolean {
  // From the random end of the UUID.
  return (
    one[at + 3] === other[otherAt + 3] &&
    one[at + 2] === other[otherAt + 2] &&
    one[at + 1] === other[otherAt + 1] &&
    one[at] === other[otherAt]
  );
}

const dash = 0x2d;
/** Value of each hexadecimal digit, by its code; -1 for other characters. */
const values = Int8Array.from({ length: 128 }, (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code)));

/** Reads a UUID in lower case. Returns false for any other text. */
export function readUuid(text: string, into: Words): boolean {
  if (text.length !== 36) return false;
  let at = 0;
  for (let word = 0; word < 4; word++) {
    let value = 0;
    for (let digit = 0; digit < 8; digit++) {
      if ((at === 8 || at === 13 || at === 18 || at === 23) && text.charCodeAt(at++) !== dash) return false;
      const next = values[text.charCodeAt(at++)] ?? -1;
      if (next < 0) return false;
      value = (value << 4) | next;
    }
    into[word] = value;
  }
  return true;
}
