import { availableParallelism } from 'node:os';
import { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { insertAudit } from '../audit/public.ts';
import type { Ground } from '../ground.ts';
import type { DeviceTokens, Limits } from '../limits/public.ts';
import type { Links, LinkStore } from '../links/public.ts';
import type { UserStore } from '../users/public.ts';
import { passwordHandler } from './handler.ts';
import { createPasswordAuthenticator } from './rules/authenticator.ts';
import { createHasher } from './rules/hasher.ts';
import { createPasswords } from './rules/passwords.ts';
import { createPasswordStore } from './store.ts';

/** Builds the room `passwords`: hashing, password check, change and reset. */
export async function buildPasswords(
  { config, statements, cookies, metrics }: Ground,
  deps: {
    readonly users: UserStore;
    readonly limits: Limits;
    readonly devices: DeviceTokens;
    readonly links: LinkStore;
    readonly requests: Links;
  },
) {
  const { users, limits, devices, links, requests } = deps;
  const { passwordMin, hashQueue } = config;
  const hasher = await createHasher({
    memory: config.argon2Memory,
    passes: config.argon2Passes,
    queue: hashQueue,
    threadPool: config.threadPool,
    cores: availableParallelism(),
  });
  metrics.watch('signet_password_hashes_running', () => hasher.load().running);
  metrics.watch('signet_password_hashes_waiting', () => hasher.load().waiting);
  const store = createPasswordStore(statements);
  const authenticator = createPasswordAuthenticator({
    store,
    hasher,
    limits,
    devices,
    maxWaiting: hashQueue,
    audit: (event) => insertAudit(statements, event),
  });
  const passwords = createPasswords({
    users,
    store,
    hasher,
    authenticator,
    limits,
    devices,
    links,
    requests,
    passwordMin,
  });
  return { hasher, authenticator, mounted: [mount(PasswordService, passwordHandler(passwords, cookies))] };
}
