import { AnalyticsService } from '#gen/proto/signet/analytics/v1/analytics_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { follow } from '#kit/events/follow.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import type { Statements } from '#kit/store/statements.ts';
import { createSummaries } from './domain/summary.ts';
import { createTracking } from './domain/tracking.ts';
import { analyticsHandler } from './handler/analytics.ts';
import { factsOf, type PayloadSchema } from './handler/events.ts';
import { analytics } from './service.ts';
import { insertOnce } from './store/facts.ts';
import { createSummaryStore } from './store/summary.ts';
import { createTrackingStore } from './store/tracked-events.ts';
import { anonymize } from './store/visitors.ts';

/** The producers besides auth, whose events give rise to facts alone. */
const producers = ['order', 'payment', 'ride'] as const;

/** Wires the analytics service. */
export function build({ database, to, log, metrics }: ServiceDeps<typeof analytics>): BuiltService {
  const { statements: db } = database;
  const erasure = createErasure({
    service: analytics.name,
    db,
    auth: to('auth'),
    finish: (id, signal) => anonymize(db, id, signal),
    log,
  });
  const shared = { consumer: analytics.name, db, log, metrics };
  const accounts = follow({
    ...shared,
    source: 'auth',
    transport: to('auth'),
    types: analytics.consumes.auth,
    async apply(events, tx: Statements) {
      await insertOnce(factsOf(events), tx);
      const deleted = events.filter(({ type }) => type === 'user.deleted').map(({ subject }) => subject);
      await erasure.apply(deleted, tx);
    },
  });
  const others = producers.map((source) => {
    const types: readonly PayloadSchema[] = analytics.consumes[source];
    return follow({
      ...shared,
      source,
      transport: to(source),
      types,
      apply: (events, tx: Statements) => insertOnce(factsOf(events), tx),
    });
  });
  const handler = analyticsHandler({
    track: createTracking({ store: createTrackingStore(db), now: database.clock.now }),
    summarize: createSummaries(createSummaryStore(db)),
  });
  return {
    mounted: [mount(AnalyticsService, handler)],
    work: [erasure.work],
    followers: [accounts, ...others],
  };
}
