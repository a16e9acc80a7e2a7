import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import { PageTokenSchema } from '#gen/proto/signet/type/v1/page_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { sqlStateOf } from '#kit/errors/sql-state.ts';

/** A requested page of a list. */
export interface PageRequest {
  /** Maximum number of items; 0 is 20. The contract limits it to 100. */
  readonly pageSize: number;
  /** `next_page_token` of the previous page, or empty. */
  readonly pageToken: string;
}

/** A page query for a store. It reads one more row than the page has, to detect a next page. */
export interface PageQuery {
  /** Number of rows to read. */
  readonly take: number;
  /** Sort key of the last item of the previous page, one value per column; undefined for the first page. */
  readonly after: readonly string[] | undefined;
}

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty for the last page. */
  readonly nextPageToken: string;
}

const defaultSize = 20;

/**
 * Reads a page of a list by keyset pagination, so that items added or removed
 * meanwhile neither repeat nor hide others.
 * @param filter filters of the list; a page token is valid only for the same filters
 * @param read reads at most `take` rows after `after`, in order
 * @param keyOf returns the sort key of an item
 * @throws INVALID_ARGUMENT if the page token does not belong to this list
 */
export async function readPage<T>(
  { pageSize, pageToken }: PageRequest,
  filter: readonly unknown[],
  read: (query: PageQuery) => Promise<readonly T[]>,
  keyOf: (item: T) => readonly string[],
): Promise<Page<T>> {
  const size = pageSize || defaultSize;
  const list = new Uint8Array(createHash('sha256').update(JSON.stringify(filter)).digest());
  const after = pageToken === '' ? undefined : afterOf(pageToken, list);
  const rows = await read({ take: size + 1, after }).catch((error: unknown) => {
    // A forged token may have an invalid sort key (a time or an id), which is a data exception (class 22).
    throw after && sqlStateOf(error)?.startsWith('22') ? wrongPageToken(error) : error;
  });
  const items = rows.slice(0, size);
  const last = items.at(-1);
  if (rows.length <= size || last === undefined) return { items, nextPageToken: '' };
  const token = create(PageTokenSchema, { after: [...keyOf(last)], filter: list });
  return { items, nextPageToken: Buffer.from(toBinary(PageTokenSchema, token)).toString('base64url') };
}

function afterOf(pageToken: string, list: Uint8Array): readonly string[] {
  try {
    const bytes = Buffer.from(pageToken, 'base64url');
    const { after, filter } = fromBinary(PageTokenSchema, bytes);
    // Canonical base64url only: decoding ignores invalid trailing text.
    const isOurs = bytes.toString('base64url') === pageToken && Buffer.from(filter).equals(list);
    if (after.length > 0 && isOurs) return after;
  } catch {
    // Not a token: throws below.
  }
  throw wrongPageToken();
}

/** Creates the error of a page token that does not belong to the list. */
export function wrongPageToken(cause?: unknown) {
  return failure('INVALID_ARGUMENT', {
    fields: [{ field: 'page_token', description: 'must be a next_page_token of this list', reason: 'PAGE_TOKEN' }],
    cause,
  });
}
