import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { WatchResponseSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { EncodedRevocations, RevocationLog, SequencedRevocation } from '../rules.ts';

/** Revocations without a gap in their sequence numbers. */
interface Page extends EncodedRevocations {
  readonly count: number;
  /** When the last of them to expire does, seconds since 1970. */
  readonly expiresAt: number;
}

/** Maximum revocations of a page. */
const pageSize = 2_000;

/** Maximum difference between the ends of neighbours in a page, s: a key's entry must not keep others for months. */
const alike = 600;

/** Creates an empty log. A revocation of a session takes 52 bytes. */
export function createRevocationLog(): RevocationLog {
  let pages: Page[] = [];
  /** The rest of a page that was taken last. Most watchers are at the same place, and a page takes long to decode. */
  let rest: { readonly of: Page; readonly known: number; readonly encoded: Uint8Array } | undefined;

  /** Index of the first page that ends at a sequence or after it. */
  function indexOf(sequence: bigint): number {
    let [low, high] = [0, pages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pages[middle]?.sequence ?? sequence) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    append(revocations, now) {
      pages = pages.filter(({ expiresAt }) => expiresAt > now);
      for (let from = 0, to = 0; from < revocations.length; from = to) {
        const last = pages.at(-1);
        const open = last && last.count < pageSize && follows(last, revocations[from]) ? last : undefined;
        const room = pageSize - (open?.count ?? 0);
        to = from + 1;
        while (to - from < room && follows(endOf(revocations[to - 1]), revocations[to])) to += 1;
        const page = pageOf(revocations.slice(from, to));
        if (open) pages[pages.length - 1] = joined(open, page);
        else pages.push(page);
      }
    },
    after(sequence) {
      const page = pages[indexOf(sequence + 1n)];
      const known = page ? Number(sequence - page.sequence) + page.count : 0;
      if (!page || known <= 0) return page;
      if (rest?.of !== page || rest.known !== known) rest = { of: page, known, encoded: without(page.encoded, known) };
      return { ...page, encoded: rest.encoded };
    },
    idAt(sequence) {
      const page = pages[indexOf(sequence)];
      return page?.sequence === sequence ? page.id : undefined;
    },
  };
}

type End = Pick<Page, 'sequence' | 'expiresAt'>;

function endOf(revocation: SequencedRevocation | undefined): End | undefined {
  return revocation && { sequence: revocation.sequence, expiresAt: revocation.revocation.expiresAt };
}

/** Whether a revocation may be in one page with the one before it. */
function follows(last: End | undefined, next: SequencedRevocation | undefined): boolean {
  if (!last || next?.sequence !== last.sequence + 1n) return false;
  return Math.abs(next.revocation.expiresAt - last.expiresAt) <= alike;
}

/** @throws Error without revocations */
function pageOf(entries: readonly SequencedRevocation[]): Page {
  const last = entries.at(-1);
  if (!last) throw new Error('a page has at least one revocation');
  const revocations = entries.map(({ revocation }) => revocation);
  return {
    sequence: last.sequence,
    id: last.id,
    encoded: toBinary(WatchResponseSchema, create(WatchResponseSchema, { revocations })),
    count: entries.length,
    expiresAt: Math.max(...revocations.map(({ expiresAt }) => expiresAt)),
  };
}

/** Readers of the first page keep its bytes: they are copied, not extended. */
function joined(first: Page, second: Page): Page {
  return {
    ...second,
    encoded: Buffer.concat([first.encoded, second.encoded]),
    count: first.count + second.count,
    expiresAt: Math.max(first.expiresAt, second.expiresAt),
  };
}

/** Returns an encoded field without its first elements. */
function without(encoded: Uint8Array, elements: number): Uint8Array {
  const reader = new BinaryReader(encoded);
  for (let skipped = 0; skipped < elements; skipped++) {
    const [, wireType] = reader.tag();
    reader.skip(wireType);
  }
  return encoded.subarray(reader.pos);
}
