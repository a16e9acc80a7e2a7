import { ProfileService } from '#gen/proto/signet/user/v1/profile_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { follow } from '#kit/events/follow.ts';
import { serveEvents } from '#kit/events/serve.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { createAccounts } from './clients/accounts.ts';
import { createProfiles } from './domain/profiles.ts';
import { profileHandler } from './handler/profile.ts';
import { userHandler } from './handler/user.ts';
import { user } from './service.ts';
import { createProfileStore } from './store/profiles.ts';

/** Wires the user service. */
export function build({ database, config, to, log, metrics }: ServiceDeps<typeof user>): BuiltService {
  const auth = to('auth');
  const { statements: db } = database;
  const store = createProfileStore(db);
  const profiles = createProfiles({ store, accounts: createAccounts(auth) });
  const erasure = createErasure({ service: user.name, db, auth, erase: store.erase, log });
  const accounts = follow({
    consumer: user.name,
    source: 'auth',
    transport: auth,
    types: user.consumes.auth,
    db,
    async apply(events, tx) {
      const ids = (type: string) => events.filter((event) => event.type === type).map(({ subject }) => subject);
      // An account is deleted after it was registered, so the order of the two does not matter.
      await store.insert(ids('user.registered'), tx);
      await erasure.apply(ids('user.deleted'), tx);
    },
    log,
    metrics,
  });
  return {
    mounted: [mount(UserService, userHandler(profiles)), mount(ProfileService, profileHandler(store))],
    work: [erasure.work],
    followers: [accounts],
    events: serveEvents({ db, schema: user.name, produces: user.produces, keep: config.eventsRetention }),
  };
}
