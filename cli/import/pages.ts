import type { ImportedUser } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import type { Entry, LeftOut } from './entry.ts';

/** Accounts for one ImportUsers call, and the entries between them that are left out. */
export interface Page {
  readonly users: readonly { readonly place: string; readonly user: ImportedUser }[];
  readonly leftOut: readonly LeftOut[];
  /** The places of both, in order. */
  readonly places: readonly string[];
}

/** Maximum entries of a page: the limit of ImportUsers. 100 accounts of maximum size are a third of its byte limit. */
const maxPageEntries = 100;

/** Groups entries into pages for one call each. */
export async function* pagesOf(entries: AsyncIterable<Entry>): AsyncGenerator<Page> {
  let page: Entry[] = [];
  for await (const entry of entries) {
    page.push(entry);
    if (page.length < maxPageEntries) continue;
    yield toPage(page);
    page = [];
  }
  if (page.length > 0) yield toPage(page);
}

function toPage(entries: readonly Entry[]): Page {
  return {
    users: entries.filter((entry) => 'user' in entry),
    leftOut: entries.filter((entry) => 'outcome' in entry),
    places: entries.map(({ place }) => place),
  };
}
