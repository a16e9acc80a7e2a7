import type { ServiceImpl } from '@connectrpc/connect';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { anyOriginGate } from '#kit/browser/any-origin.ts';
import { cookieNames } from '#kit/browser/cookies.ts';
import { clockEvery } from '#kit/db/clock.ts';
import { directUrl } from '#kit/db/configured.ts';
import type { Database } from '#kit/db/database.ts';
import { listen } from '#kit/db/listen.ts';
import { connectGate } from '#kit/guard/connect.ts';
import type { KeySource } from '#kit/guard/keys.ts';
import type { RevocationFeed } from '#kit/guard/revocation-feed.ts';
import type { Revocations } from '#kit/guard/revocations.ts';
import type { Log } from '#kit/log/log.ts';
import { mount, type RpcApp } from '#kit/call/app.ts';
import { guardFor } from '#kit/identity/guard-for.ts';
import type { Ready } from '#kit/service/health.ts';
import { assertServes, createService } from '#kit/service/stack.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { every, startWork } from '#kit/work/work.ts';
import { buildAccounts } from './accounts/build.ts';
import type { FirstAdmin } from './accounts/public.ts';
import { buildAudit } from './audit/build.ts';
import type { AuthConfig } from './config.ts';
import { buildEmailVerification } from './email-verification/build.ts';
import type { Ground, Room } from './ground.ts';
import { buildEvents } from './events/build.ts';
import { buildKeys } from './keys/build.ts';
import { signingKeysTable } from './keys/public.ts';
import { buildLimits } from './limits/build.ts';
import { buildLinks } from './links/build.ts';
import { buildPasswords } from './passwords/build.ts';
import { buildRevocation } from './revocation/build.ts';
import { buildRoles } from './roles/build.ts';
import { buildSecrets } from './secrets/build.ts';
import { auth } from './service.ts';
import { buildServiceIdentity } from './service-identity/build.ts';
import type { KnownService } from './service-identity/public.ts';
import { buildSessions } from './sessions/build.ts';
import { buildSignIn } from './sign-in/build.ts';
import { buildUsers } from './users/build.ts';

/** What a guard needs of revocations. */
type KnownRevocations = Revocations & Pick<RevocationFeed, 'time' | 'ready' | 'size'>;

/** The auth service, wired. */
export interface Auth {
  readonly app: RpcApp;
  readonly ready: Ready;
  readonly log: Log;
  /** A key source, for another guard in this process. */
  readonly keys: () => KeySource;
  /** The revocations that this replica knows, for other guards in this process: they keep working with the last known ones. */
  readonly revocations: KnownRevocations;
  /** Creates the first admin, unless an admin exists. Call it before a port opens. The returned password cannot be read again. */
  ensureFirstAdmin(): Promise<FirstAdmin | undefined>;
  close(): Promise<void>;
}

/** Wires the auth service over a migrated database. */
export async function buildAuth(deps: {
  readonly config: AuthConfig;
  readonly database: Database;
  /** Services that may request tokens, in addition to those of the configuration. */
  readonly services?: readonly KnownService[];
  readonly log: Log;
  readonly metrics: ServiceMetrics;
  /** Aborted when the process begins to stop. */
  readonly draining?: AbortSignal;
}): Promise<Auth> {
  const { config, database, log, metrics } = deps;
  const db = new PrismaClient(database.prisma);
  const { clock, statements } = database;
  await clock.read();
  const ground: Ground = { config, db, statements, cookies: cookieNames(config.issuer), clock, log, metrics };

  const rooms: Room[] = [];
  function add<R extends object>(room: R & Room): R {
    rooms.push(room);
    return room;
  }

  const events = add(await buildEvents(ground));
  const users = add(buildUsers(ground));
  add(buildAudit(ground, users.store));
  const { master, macs } = add(await buildSecrets(ground, [signingKeysTable]));
  const keys = add(await buildKeys(ground, master));
  const revocation = add(await buildRevocation(ground));
  const { keyring } = keys;
  const guard = guardFor(config, { keys: keyring.source(), revocations: revocation.known, metrics, log });
  add(buildRoles(ground));
  const { limits, devices } = add(buildLimits(ground, macs));
  const sessions = add(buildSessions(ground, { macs, signer: keyring.active, verify: guard.verify }));
  const links = add(buildLinks(ground));
  const reach = { users: users.store, limits, devices, links: links.store, requests: links.links };
  const passwords = add(await buildPasswords(ground, reach));
  add(buildEmailVerification(ground, { ...reach, authenticator: passwords.authenticator }));
  const signIn = add(buildSignIn(ground, { ...sessions, ...passwords, devices }));
  add(
    buildServiceIdentity(ground, {
      services: [...config.services, ...(deps.services ?? [])],
      signer: keyring.active,
    }),
  );
  const accounts = add(buildAccounts(ground, { hasher: passwords.hasher, users: users.store, links: links.links }));
  // Before the notifications, which wake this work.
  const work = startWork([every('read clock', clockEvery, clock.read), ...rooms.flatMap((room) => room.work ?? [])], {
    log,
    metrics,
  });
  const notifications = listen({
    url: directUrl(config),
    applicationName: 'signet-auth-listen',
    heard: {
      signet_revocations: revocation.changed,
      signet_keys: keys.changed,
      ...events.heard,
    },
    log,
  });
  const ready: Ready = async () => {
    if (!revocation.known.isReady()) return 'revocations';
    return (await database.writable()) ? undefined : 'database';
  };
  await guard.ready();
  const authService: ServiceImpl<typeof AuthService> = {
    ...accounts.methods,
    ...signIn.methods,
    ...sessions.methods,
    ...keys.methods,
  };
  const mounted = [mount(AuthService, authService), ...rooms.flatMap((room) => room.mounted ?? [])];
  assertServes(auth.name, auth.contract, mounted);
  return {
    app: createService({
      mounted,
      checks: [anyOriginGate(), connectGate(guard)],
      guard,
      ready,
      draining: deps.draining,
      streams: { total: config.streamLimit, perAddress: config.streamLimitAddress },
      reflection: config.environment !== 'production',
      log,
      metrics,
    }),
    log,
    keys: keyring.source,
    revocations: lastKnown(revocation.known),
    ensureFirstAdmin: accounts.ensureFirstAdmin,
    ready,
    async close() {
      guard.close();
      await Promise.all([notifications.close(), work.close(), ...rooms.map((room) => room.close?.())]);
    },
  };
}

/** Without `isReady`, by which the auth service is not ready while its data may be old, and without `close`. */
function lastKnown(known: KnownRevocations): KnownRevocations {
  const { isRevoked, age, time, ready } = known;
  return {
    isRevoked,
    age,
    time,
    ready,
    get size() {
      return known.size;
    },
  };
}
