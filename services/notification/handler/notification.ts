import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type Notification as NotificationMessage,
  NotificationSchema,
  type NotificationService,
  type Preferences as PreferencesMessage,
  PreferencesSchema,
} from '#gen/proto/signet/notification/v1/notification_service_pb.ts';
import type { Changes } from '#kit/db/changes.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Inbox, Notification } from '../domain/inbox.ts';
import type { Mailbox } from '../domain/mailbox.ts';
import type { Preference, PreferenceRules } from '../domain/preferences.ts';
import { inboxTextOf } from '../domain/templates/render.ts';
import { failure } from '../reasons.ts';

/** Interval of looking at a watched inbox, ms. Its changes are also heard of. */
const lookEvery = 5_000;
/** Notifications that a stream reads at once. */
const pageSize = 100;

/** Implements NotificationService. The user comes from the token, never from the request. */
export function notificationHandler(deps: {
  readonly inbox: Inbox;
  readonly preferences: PreferenceRules;
  readonly mailbox: Mailbox;
  readonly changes: Pick<Changes, 'watch'>;
  readonly closing: AbortSignal;
}): ServiceImpl<typeof NotificationService> {
  const { inbox, preferences, mailbox, changes, closing } = deps;
  return {
    async listNotifications({ unreadOnly = false, ...page }, { values }) {
      const { items, unreadCount, nextPageToken } = await inbox.list(userOf(values).subject, unreadOnly, page);
      return { notifications: items.map(toMessage), unreadCount, nextPageToken };
    },

    markRead: async ({ notificationId }, { values }) =>
      toMessage(await inbox.markRead(userOf(values).subject, notificationId)),

    markAllRead: async (_, { values }) => ({ markedCount: await inbox.markAllRead(userOf(values).subject) }),

    async *watch(_, { values, signal }) {
      const { subject } = userOf(values);
      const ended = AbortSignal.any([signal, closing]);
      const watched = changes.watch(subject);
      try {
        let place = await inbox.end(subject);
        while (!ended.aborted) {
          const page = await inbox.after(subject, place, pageSize);
          for (const notification of page) {
            yield toMessage(notification);
            ({ place } = notification);
          }
          if (page.length < pageSize) await watched.next(lookEvery, ended);
        }
      } finally {
        watched.close();
      }
      if (closing.aborted) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    },

    getPreferences: async (_, { values }) => toPreferences(await preferences.list(userOf(values).subject)),

    async updatePreferences({ preferences: changed }, { values }) {
      const all = await preferences.change(userOf(values).subject, changed);
      if (!all) throw invalidToken('its account was deleted');
      return toPreferences(all);
    },

    async listMails({ to, ...page }) {
      const { items, nextPageToken } = await mailbox.list(to, page);
      return {
        mails: items.map(({ recipient, createdAt, ...mail }) => ({
          ...mail,
          to: recipient,
          createdAt: timestampFromDate(createdAt),
        })),
        nextPageToken,
      };
    },
  };
}

function toMessage({ id, kind, data, locale, createdAt, readAt }: Notification): NotificationMessage {
  return create(NotificationSchema, {
    id,
    kind,
    ...inboxTextOf({ kind, data, locale }),
    data,
    createdAt: timestampFromDate(createdAt),
    ...(readAt ? { readAt: timestampFromDate(readAt) } : {}),
  });
}

function toPreferences(all: readonly Preference[]): PreferencesMessage {
  return create(PreferencesSchema, { preferences: all.map((one) => ({ ...one, inApp: true })) });
}
