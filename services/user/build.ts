import { PrismaClient } from '#gen/prisma/user/client.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { every } from '#kit/work/work.ts';
import { createAccounts } from './clients/accounts.ts';
import { createProfiles } from './domain/profiles.ts';
import { createSweep } from './domain/sweep.ts';
import { userHandler } from './handler/user.ts';
import type { user } from './service.ts';
import { createProfileStore } from './store/profiles.ts';

/** Wires the user service. */
export function build({ database, to, log }: ServiceDeps<typeof user>): BuiltService {
  const store = createProfileStore(new PrismaClient({ adapter: database.adapter }));
  const accounts = createAccounts(to('auth'));
  const profiles = createProfiles({
    store,
    accounts,
    onEraseFailed: (error) => log.warn({ err: error }, 'failed to erase a profile; the sweep will retry'),
  });
  const sweep = every('erase profiles of deleted accounts', 60_000, createSweep({ store, accounts }));
  return { mounted: [mount(UserService, userHandler(profiles))], work: [sweep] };
}
