import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { cookieNames } from '#kit/browser/cookies.ts';
import type { Database } from '#kit/db/database.ts';
import { connectGate } from '#kit/guard/connect.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import type { Log } from '#kit/log/log.ts';
import { mount, type RpcApp } from '#kit/rpc/app.ts';
import { guardFor } from '#kit/rpc/guard-for.ts';
import type { Ready } from '#kit/rpc/health.ts';
import { createService } from '#kit/rpc/stack.ts';
import type { AuthConfig } from './config.ts';
import { createHasher } from './crypto/hasher.ts';
import { openKeyring } from './crypto/keyring.ts';
import { createMasterKey } from './crypto/master-key.ts';
import { createAccounts } from './domain/accounts.ts';
import { ensureFirstAdmin, type FirstAdmin } from './domain/first-admin.ts';
import { createSessions } from './domain/sessions.ts';
import { createTokens } from './domain/tokens.ts';
import { authHandler } from './handler/auth.ts';
import { createKeyStore } from './store/keys.ts';
import { createSessionStore } from './store/sessions.ts';
import { createUserStore } from './store/users.ts';

/** The auth service, wired. */
export interface Auth {
  readonly app: RpcApp;
  readonly ready: Ready;
  readonly log: Log;
  /** The public keys, for verifiers in this process. */
  readonly keys: () => Promise<unknown>;
  /** Makes the first admin, unless there is one. Call it last: what it answers can't be seen again. */
  ensureFirstAdmin(): Promise<FirstAdmin | undefined>;
  close(): void;
}

/** Wires the auth service over a migrated database. */
export async function buildAuth(deps: {
  readonly config: AuthConfig;
  readonly database: Database;
  readonly log: Log;
}): Promise<Auth> {
  const { config, database, log } = deps;
  const clock = Date.now;
  const db = new PrismaClient({ adapter: database.adapter });
  const users = createUserStore(db);
  const store = createSessionStore(db, {
    idle: config.sessionIdle,
    max: config.sessionMax,
    grace: config.refreshGrace,
  });

  const master = createMasterKey(config.masterKey);
  const keyring = await openKeyring(createKeyStore(db), master, config.alg, log);
  const hasher = await createHasher({
    memory: config.argon2Memory,
    passes: config.argon2Passes,
    queue: config.hashQueue,
    threadPool: config.threadPool,
  });

  const { issuer, audience, accessTtl, passwordMin } = config;
  const tokens = createTokens({ signer: keyring.active, master, issuer, audience, accessTtl, clock });
  const accounts = createAccounts({ users, hasher, passwordMin, clock });
  const sessions = createSessions({
    users,
    store,
    hasher,
    master,
    onReuse: ({ sessionId, userId }) =>
      log.warn({ session_id: sessionId, user_id: userId }, 'a refresh token was reused; its session has ended'),
  });
  const keys = async () => ({ keys: keyring.jwks() });
  const guard = guardFor(config, localJwks(keys));

  const handler = authHandler({ accounts, sessions, tokens, keyring, guard, cookies: cookieNames(issuer) });
  await guard.ready();
  return {
    app: createService({
      mounted: [mount(AuthService, handler)],
      checks: [connectGate(guard)],
      ready: database.answers,
      reflection: config.environment !== 'production',
      log,
    }),
    log,
    keys,
    ensureFirstAdmin: () =>
      ensureFirstAdmin({ users, accounts }, { email: config.adminEmail, password: config.adminPassword }),
    ready: database.answers,
    close() {
      guard.close();
      keyring.close();
    },
  };
}
