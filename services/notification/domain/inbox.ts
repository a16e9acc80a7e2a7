import { type Page, type PageRequest, readPage, type PageQuery } from '#kit/page/page.ts';
import { failure } from '../reasons.ts';
import type { Kind } from './kinds.ts';

/** Facts of a notification by name. They hold ids and values, and no personal data. */
export type Facts = Readonly<Record<string, string>>;

/** A notification. */
export interface Notification {
  readonly id: string;
  /** Its place in the user's inbox: ascending in the order of the commits. */
  readonly place: bigint;
  readonly kind: Kind;
  readonly data: Facts;
  readonly createdAt: Date;
  readonly readAt: Date | undefined;
  /** The language of the user's profile; empty if unknown. */
  readonly locale: string;
}

/** Persistence port for a user's inbox. */
export interface InboxStore {
  page(userId: string, unreadOnly: boolean, query: PageQuery): Promise<Notification[]>;
  unreadCount(userId: string): Promise<number>;
  /** Marks a notification as read, once, and returns it. */
  markRead(userId: string, id: string): Promise<Notification | undefined>;
  /** Marks all notifications as read; returns the number of those that were unread. */
  markAllRead(userId: string): Promise<number>;
  /** The place of the newest notification; 0 without one. */
  end(userId: string): Promise<bigint>;
  /** Notifications behind a place, oldest first. */
  after(userId: string, place: bigint, take: number): Promise<Notification[]>;
}

/** A user's inbox. */
export interface Inbox extends Pick<InboxStore, 'markAllRead' | 'end' | 'after'> {
  list(
    userId: string,
    unreadOnly: boolean,
    page: PageRequest,
  ): Promise<Page<Notification> & { readonly unreadCount: number }>;
  /** @throws NOT_FOUND, also for a notification of another user */
  markRead(userId: string, id: string): Promise<Notification>;
}

/** Creates the inbox. */
export function createInbox(store: InboxStore): Inbox {
  return {
    async list(userId, unreadOnly, page) {
      const [found, unreadCount] = await Promise.all([
        readPage(
          page,
          ['notifications', userId, unreadOnly],
          (query) => store.page(userId, unreadOnly, query),
          ({ place }) => [String(place)],
        ),
        store.unreadCount(userId),
      ]);
      return { ...found, unreadCount };
    },
    async markRead(userId, id) {
      const marked = await store.markRead(userId, id);
      if (!marked) throw failure('NOT_FOUND');
      return marked;
    },
    markAllRead: store.markAllRead,
    end: store.end,
    after: store.after,
  };
}
