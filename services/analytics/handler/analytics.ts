import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { AnalyticsService } from '#gen/proto/signet/analytics/v1/analytics_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Summary } from '../domain/summary.ts';
import type { SentEvent } from '../domain/tracking.ts';

/** Implements AnalyticsService. The user whose events are tracked comes from the token. */
export function analyticsHandler(deps: {
  readonly track: (userId: string, events: readonly SentEvent[]) => Promise<number | undefined>;
  readonly summarize: (fromDate: string, toDate: string, timeZone: string) => Promise<Summary>;
}): ServiceImpl<typeof AnalyticsService> {
  const { track, summarize } = deps;
  return {
    async trackEvents({ events }, { values }) {
      const sent = events.map(({ name, properties, occurredAt }) => ({
        name,
        properties,
        occurredAt: occurredAt && timestampDate(occurredAt),
      }));
      const accepted = await track(userOf(values).subject, sent);
      if (accepted === undefined) throw invalidToken('its account was deleted');
      return { accepted };
    },

    async getSummary({ fromDate, toDate, timeZone }) {
      const { days, totals } = await summarize(fromDate, toDate, timeZone);
      return {
        days: days.map(({ revenue, ...day }) => ({ ...day, revenue: [...revenue] })),
        totals: { ...totals, revenue: [...totals.revenue] },
      };
    },
  };
}
