import { createUuidRing, hashOf, readUuid, type UuidRing } from './uuid-ring.ts';

/** Ids, each kept until a time, in seconds since 1970. */
export interface ExpiringIds {
  has(id: string): boolean;
  /** Adds an id, or gives it a new time. */
  put(id: string, expiresAt: number): void;
  /** Removes ids that have expired, at most so many that it takes a few milliseconds. */
  forgetExpired(now: number): void;
  /** Returns when the id expires that `removeOldest` removes; Infinity without ids. */
  oldest(): number;
  removeOldest(): void;
  readonly size: number;
}

/** Number of rings. Each grows by itself, so that no growth takes long. A power of two. */
const shards = 16;
/** Most ids that one call of `forgetExpired` removes. */
const forgottenAtOnce = 20_000;

/** The UUID that is looked for. */
const words = new Uint32Array(4);

/**
 * Creates an empty collection. Ids expire in about the order in which they are put: one that is put earlier and expires
 * later keeps those behind it. UUIDs in lower case, as the auth service writes ids, are in rings; others are in a Map.
 */
export function createExpiringIds(): ExpiringIds {
  const rings = Array.from({ length: shards }, createUuidRing);
  const others = new Map<string, number>();
  let size = 0;

  /** The ring for `words`, by the bits of the hash that its table does not use. */
  const ring = () => rings[hashOf(words, 0) >>> 28] as UuidRing;
  const count = () => rings.reduce((sum, one) => sum + one.size, others.size);
  const oldest = () => rings.reduce((first, one) => Math.min(first, one.oldest()), oldestOther());
  const oldestOther = () => others.values().next().value ?? Infinity;
  function removeOther(): void {
    others.delete(others.keys().next().value ?? '');
  }

  return {
    has(id) {
      if (size === 0) return false;
      return readUuid(id, words) ? ring().has(words) : others.has(id);
    },
    put(id, expiresAt) {
      if (readUuid(id, words)) {
        const own = ring();
        size -= own.size;
        own.put(words, expiresAt);
        size += own.size;
      } else {
        size -= others.size;
        others.delete(id);
        others.set(id, expiresAt);
        size += others.size;
      }
    },
    forgetExpired(now) {
      let left = forgottenAtOnce;
      for (const one of rings) for (; left > 0 && one.oldest() <= now; left--) one.removeOldest();
      for (; left > 0 && oldestOther() <= now; left--) removeOther();
      size = count();
    },
    oldest,
    removeOldest() {
      const first = oldest();
      const owner = rings.find((one) => one.oldest() === first);
      if (owner) owner.removeOldest();
      else removeOther();
      size = count();
    },
    get size() {
      return size;
    },
  };
}
