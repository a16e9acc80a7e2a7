import { createClient, type Transport } from '@connectrpc/connect';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { follow, type Follower } from '#kit/events/follow.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import type { Log } from '#kit/log/log.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import { every, type Work } from '#kit/work/work.ts';
import { createTombstones } from './owners.ts';

/** The erasure of deleted users' data in a service. */
export interface Erasure {
  /** Writes the users' tombstones and erases their data in the transaction. Idempotent. */
  apply(userIds: readonly string[], tx: Statements): Promise<void>;
  /** Confirms erasures to the auth service. Start it with the service. */
  readonly work: Work;
  /** Follows `user.deleted`, for a service that follows no other events of the auth service. */
  follow(metrics: Pick<ServiceMetrics, 'watch'>): Follower;
}

/** Interval between two runs of the confirmation, ms. */
const confirmEvery = 2_000;
/** Confirmations per run; the next run sends further ones. */
const batch = 100;

/**
 * Creates the erasure of deleted users' data in a service. The tombstone is a row of the service's table `owners`, which
 * is kept, so that a late write inserts nothing (`livingOwners`). Confirmations are repeated until the auth service has
 * accepted them; `GetErasure` shows them.
 */
export function createErasure(deps: {
  /** The service's name, which is its schema. */
  readonly service: string;
  readonly db: Transactional;
  /** To the auth service, with this service's token. */
  readonly auth: Transport;
  /** Erases or anonymizes the users' rows by `tx` alone. Tombstones are written already. */
  readonly erase?: (userIds: readonly string[], tx: Statements) => Promise<void>;
  /**
   * Erases what may be too much for the transaction of the cursor, in steps, before each confirmation. It is repeated
   * until it succeeds. No new rows appear meanwhile, because the tombstone is written.
   */
  readonly finish?: (userId: string, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}): Erasure {
  const { service, db, auth, erase, finish, log } = deps;
  const accounts = createClient(AccountService, auth);
  const tombstones = createTombstones(db, service);

  async function confirm(userId: string, signal: AbortSignal): Promise<void> {
    await finish?.(userId, signal);
    if (signal.aborted) return;
    try {
      await accounts.confirmErasure({ userId }, { signal });
    } catch (error) {
      const translated = translateUpstreamError(error);
      if (reasonOf(translated) !== 'NOT_FOUND') throw translated;
      // The auth service's database was restored to a time before the deletion.
      log.warn({ user: userId }, 'erased the data of an account whose deletion the auth service does not know');
    }
    await tombstones.confirm(userId);
  }

  async function apply(userIds: readonly string[], tx: Statements): Promise<void> {
    if (userIds.length === 0) return;
    await tombstones.write(tx, userIds);
    await erase?.(userIds, tx);
  }

  return {
    apply,
    work: every('confirm erasures', confirmEvery, async (signal) => {
      let failed: unknown;
      for (const userId of await tombstones.unconfirmed(batch)) {
        if (signal.aborted) return;
        // One that cannot be confirmed must not keep back the others.
        await confirm(userId, signal).catch((error: unknown) => (failed ??= error));
      }
      if (failed !== undefined) throw failed;
    }),
    follow: (metrics) =>
      follow({
        consumer: service,
        source: 'auth',
        transport: auth,
        types: [UserDeletedSchema],
        db,
        apply: (events, tx: Statements) =>
          apply(
            events.map(({ message }) => message.userId),
            tx,
          ),
        log,
        metrics,
      }),
  };
}
