import type { Transport } from '@connectrpc/connect';
import { PrismaClient } from '#gen/prisma/user/client.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import type { Database } from '#kit/db/database.ts';
import { connectGate } from '#kit/guard/connect.ts';
import type { Guard } from '#kit/guard/guard.ts';
import type { Log } from '#kit/log/log.ts';
import { mount, type RpcApp } from '#kit/rpc/app.ts';
import { createService } from '#kit/rpc/stack.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { createAccounts } from './clients/accounts.ts';
import { createProfiles } from './domain/profiles.ts';
import { createSweep, startSweeper } from './domain/sweep.ts';
import type { UserConfig } from './config.ts';
import { userHandler } from './handler/user.ts';
import { createProfileStore } from './store/profiles.ts';

/** The user service, wired. */
export interface User {
  readonly app: RpcApp;
  readonly log: Log;
  /** Ends its work in the background. */
  readonly close: () => Promise<void>;
}

/** Wires the user service over a migrated database. */
export function buildUser(deps: {
  readonly database: Database;
  readonly guard: Guard;
  /** To the auth service. */
  readonly auth: Transport;
  readonly config: Pick<UserConfig, 'environment' | 'streamLimit' | 'streamLimitAddress'>;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}): User {
  const { database, guard, auth, config, log, metrics } = deps;
  const store = createProfileStore(new PrismaClient({ adapter: database.adapter }));
  const accounts = createAccounts(auth);
  const profiles = createProfiles({
    store,
    accounts,
    onLeft: (error) => log.warn({ err: error }, 'failed to erase a profile; the sweep erases it'),
  });
  const sweeper = startSweeper(createSweep({ store, accounts }), log);
  return {
    log,
    close: () => sweeper.close(),
    app: createService({
      mounted: [mount(UserService, userHandler(profiles))],
      checks: [connectGate(guard)],
      guard,
      ready: async () => guard.obstacle() ?? ((await database.writable()) ? undefined : 'database'),
      streams: { total: config.streamLimit, perAddress: config.streamLimitAddress },
      reflection: config.environment !== 'production',
      log,
      metrics,
    }),
  };
}
