import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { listenersOf } from '#kit/events/types.ts';
import type { Ground } from '../ground.ts';
import type { Links } from '../links/public.ts';
import type { Hasher } from '../passwords/public.ts';
import type { UserStore } from '../users/public.ts';
import { accountHandler } from './handler/account.ts';
import { adminHandler } from './handler/admin.ts';
import { registerHandler } from './handler/register.ts';
import { createAdmin } from './rules/administration.ts';
import { ensureFirstAdmin } from './rules/first-admin.ts';
import { createErasures } from './rules/erasures.ts';
import { createImports } from './rules/imports.ts';
import { createAccounts } from './rules/registration.ts';
import { createAdminStore } from './store/administration.ts';
import { createErasureStore } from './store/erasures.ts';
import { createImportStore } from './store/imports.ts';
import { createRegistrationStore } from './store/registration.ts';

/** Builds the room `accounts`: registration, administration, import and deletion. */
export function buildAccounts(
  { config, db, clock }: Ground,
  { hasher, users, links }: { readonly hasher: Hasher; readonly users: UserStore; readonly links: Links },
) {
  const { passwordMin, adminEmail: email, adminPassword: password } = config;
  const mayGenerate = config.environment !== 'production';
  const store = createRegistrationStore(db);
  const accounts = createAccounts({ store, hasher, passwordMin, clock: clock.now });
  const admin = createAdmin(createAdminStore(db));
  const imports = createImports(createImportStore(db), clock.now);
  const erasures = createErasures(createErasureStore(db), listenersOf(UserDeletedSchema));
  return {
    ensureFirstAdmin: () => ensureFirstAdmin({ store, accounts }, { email, password, mayGenerate }),
    methods: registerHandler(accounts),
    mounted: [
      mount(AdminService, adminHandler(admin, imports, erasures)),
      mount(AccountService, accountHandler({ admin, erasures, users, links })),
    ],
  };
}
