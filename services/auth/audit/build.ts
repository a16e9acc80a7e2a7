import { AuditService } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { every } from '#kit/work/work.ts';
import type { Ground } from '../ground.ts';
import type { UserStore } from '../users/public.ts';
import { auditHandler } from './handler/audit.ts';
import { createAuditLog } from './rules/log.ts';
import { createAuditChain } from './store/chain.ts';
import { audited } from './store/events.ts';
import { createAuditStore } from './store/log.ts';
import { createAuditRetention } from './store/retention.ts';

/** Most events that one transaction chains. It holds up the next batch, and no transaction that writes an event. */
const batch = 1_000;

/** Interval of chaining without an announcement, ms: for the events of a process that was killed. */
const chainEvery = 1_000;

/** Interval of looking for every event, ms: also for one that commits after more than 10,000 later ones. */
const lookEvery = 10_000;

/** Interval of dropping old events, ms. An attempt that other transactions hold up is repeated after it. */
const dropEvery = 600_000;

/** Interval of measuring what is not chained, ms. */
const measureEvery = 5_000;

/** Builds the chain, the retention and the reader of the audit log. Each room writes its own events. */
export function buildAudit({ config, db, statements, log, metrics }: Ground, users: Pick<UserStore, 'emailsOf'>) {
  const chain = createAuditChain(statements);
  let lookedAt = -Infinity;
  const append = every('chain audit events', chainEvery, async (signal) => {
    const everything = performance.now() - lookedAt > lookEvery;
    for (let count = batch; count === batch && !signal.aborted;) count = await chain.append(batch, everything);
    if (everything) lookedAt = performance.now();
  });
  let left = { count: 0, age: 0 };
  metrics.watch('signet_audit_unchained', () => left.count);
  metrics.watch('signet_audit_unchained_age_seconds', () => left.age);
  const work = [
    append,
    every('measure the audit log', measureEvery, async () => void (left = await chain.unchained())),
  ];
  const { auditRetention: keep } = config;
  if (keep !== undefined) {
    const retention = createAuditRetention(statements);
    work.push(
      every('drop old audit events', dropEvery, async () => {
        for (let last: bigint | undefined; (last = await retention.dropOldest(keep)) !== undefined;)
          log.info({ last_position: String(last) }, 'dropped audit events after their retention');
      }),
    );
  }
  return {
    mounted: [mount(AuditService, auditHandler(createAuditLog(createAuditStore(db), users)))],
    work,
    close: audited.wakes(append),
  };
}
