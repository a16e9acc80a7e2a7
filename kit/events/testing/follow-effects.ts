import type { Transport } from '@connectrpc/connect';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { createLog, silentLog } from '#kit/log/log.ts';
import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { follow, type Follower, type FollowOptions } from '../follow.ts';

type Options = FollowOptions<typeof UserDeletedSchema>;

/** Writes an effect for each event, as a row of `user.effects`. */
export const writeEffects: Options['apply'] = async (events, tx) => {
  for (const { id, message, position } of events) {
    await tx.$executeRaw(sql`
      INSERT INTO "user".effects (event, subject, at) VALUES (${id}::uuid, ${message.userId}, ${position})`);
  }
};

/** Follows `user.deleted` of auth, as the service user; tries again soon. */
export function followEffects(db: Transactional, transport: Transport, options: Partial<Options> = {}): Follower {
  return follow({
    consumer: 'user',
    source: 'auth',
    transport,
    types: [UserDeletedSchema],
    db,
    apply: writeEffects,
    log: silentLog,
    metrics: noMetrics,
    backoff: [5, 50],
    ...options,
  });
}

/** A log that keeps its lines. */
export function keptLog() {
  const lines: { level: number; msg: string; [field: string]: unknown }[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, log: createLog({ level: 'info', format: 'json', destination }) };
}

/** Names for subjects: `event 0`, `event 1` and so on. */
export function names(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, place) => `event ${place + from}`);
}
