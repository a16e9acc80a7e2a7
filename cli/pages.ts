/** A page of a list, as every list of the contract answers it. */
interface AnyPage {
  nextPageToken: string;
}

/** Most items that a page may have. */
const largestPage = 100;

/**
 * Follows a list's pages until there are enough items, or no more of them.
 * @returns the first page's answer, with the items of the others in it; its
 *   `nextPageToken` is empty where that is all there is
 */
export async function collect<P extends AnyPage, T>(
  limit: number,
  ask: (page: { pageSize: number; pageToken: string }) => Promise<P>,
  itemsOf: (page: P) => T[],
): Promise<P> {
  const first = await ask({ pageSize: Math.min(limit, largestPage), pageToken: '' });
  const items = itemsOf(first);
  while (first.nextPageToken !== '' && items.length < limit) {
    const pageSize = Math.min(limit - items.length, largestPage);
    const page = await ask({ pageSize, pageToken: first.nextPageToken });
    items.push(...itemsOf(page));
    first.nextPageToken = page.nextPageToken;
  }
  return first;
}
