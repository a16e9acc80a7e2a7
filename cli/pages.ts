/** A page of any list method. */
interface AnyPage {
  nextPageToken: string;
}

/** Maximum page size. */
const maxPageSize = 100;

/**
 * Reads pages of a list until it has `limit` items or the list ends.
 * @returns the first page's response with the items of all pages; its
 *   `nextPageToken` is empty if the list has ended
 */
export async function collect<P extends AnyPage, T>(
  limit: number,
  ask: (page: { pageSize: number; pageToken: string }) => Promise<P>,
  itemsOf: (page: P) => T[],
): Promise<P> {
  const first = await ask({ pageSize: Math.min(limit, maxPageSize), pageToken: '' });
  const items = itemsOf(first);
  while (first.nextPageToken !== '' && items.length < limit) {
    const pageSize = Math.min(limit - items.length, maxPageSize);
    const page = await ask({ pageSize, pageToken: first.nextPageToken });
    items.push(...itemsOf(page));
    first.nextPageToken = page.nextPageToken;
  }
  return first;
}
