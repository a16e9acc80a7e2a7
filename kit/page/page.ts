import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import { PageTokenSchema } from '#gen/proto/signet/type/v1/page_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { sqlStateOf } from '#kit/errors/sql-state.ts';

/** Which part of a list is asked for, and the list it is a part of. */
export interface PageRequest {
  /** At most so many; 0 is 20. The contract sees to it that it is at most 100. */
  readonly pageSize: number;
  /** The token of the page before, or empty. */
  readonly pageToken: string;
}

/** What a store needs to read a page: one row more than is given tells whether there is another page. */
export interface PageQuery {
  /** How many rows to read. */
  readonly take: number;
  /** The sort key of the last item that was given, one value a column; undefined for the first page. */
  readonly after: readonly string[] | undefined;
}

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty where this is the last page. */
  readonly nextPageToken: string;
}

const defaultSize = 20;

/**
 * Reads a page of a list by its sort key, so that what is added or removed
 * meanwhile neither repeats nor hides an item.
 * @param filter what the list is narrowed by: a token of one list is not good for another
 * @param read reads the rows behind `after`, in order, at most `take`
 * @param keyOf the sort key of an item
 * @throws INVALID_ARGUMENT where the token is not one of this list
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
    // A token that somebody made up, with a sort key that is no time, or no id: data exceptions are class 22.
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
    // In its only spelling: what is behind the last byte would not be read.
    const isOurs = bytes.toString('base64url') === pageToken && Buffer.from(filter).equals(list);
    if (after.length > 0 && isOurs) return after;
  } catch {
    // Not a token at all: said below.
  }
  throw wrongPageToken();
}

/** The failure of a page token that is not one of the list. */
export function wrongPageToken(cause?: unknown) {
  return failure('INVALID_ARGUMENT', {
    fields: [{ field: 'page_token', description: 'is not the next_page_token of this list' }],
    cause,
  });
}
