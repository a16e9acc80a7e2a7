import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { AuditService } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { RoleService } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { SessionService } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import { KeyService } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { anyOriginGate } from '#kit/browser/any-origin.ts';
import { cookieNames } from '#kit/browser/cookies.ts';
import type { Database } from '#kit/db/database.ts';
import { connectGate } from '#kit/guard/connect.ts';
import type { KeySource } from '#kit/guard/keys.ts';
import { fleetAudienceOf, longestTokenLife } from '#kit/guard/verifier.ts';
import type { Log } from '#kit/log/log.ts';
import { createMailer } from '#kit/mail/mailer.ts';
import { mount, type RpcApp } from '#kit/rpc/app.ts';
import { guardFor } from '#kit/rpc/guard-for.ts';
import type { Ready } from '#kit/rpc/health.ts';
import { createService } from '#kit/rpc/stack.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { createLinkMailer } from './clients/link-mailer.ts';
import type { AuthConfig } from './config.ts';
import { createHasher } from './crypto/hasher.ts';
import { openKeyring } from './crypto/keyring.ts';
import { createMasterKey } from './crypto/master-key.ts';
import { generateSigningKey } from './crypto/signing-key.ts';
import { createAccounts } from './domain/accounts.ts';
import { createAdmin } from './domain/admin.ts';
import { createAuditLog } from './domain/audit-log.ts';
import { createDeviceTokens } from './domain/device-token.ts';
import { createEmailVerification } from './domain/email-verification.ts';
import { createImports } from './domain/imports.ts';
import { createLimits } from './domain/limits.ts';
import { createPasswordCheck } from './domain/password-check.ts';
import { createPasswords } from './domain/passwords.ts';
import { createRoleDefinitions } from './domain/role-definitions.ts';
import { scopesFor } from './domain/roles.ts';
import { createServiceTokens, type KnownService } from './domain/service-tokens.ts';
import { ensureFirstAdmin, type FirstAdmin } from './domain/first-admin.ts';
import { createKeys } from './domain/keys.ts';
import { createSessions } from './domain/sessions.ts';
import { createTokens } from './domain/tokens.ts';
import { accountHandler } from './handler/account.ts';
import { adminHandler } from './handler/admin.ts';
import { auditHandler } from './handler/audit.ts';
import { authHandler } from './handler/auth.ts';
import { emailHandler } from './handler/email.ts';
import { passwordHandler } from './handler/passwords.ts';
import { roleHandler } from './handler/roles.ts';
import { serviceTokenHandler } from './handler/service-token.ts';
import { sessionHandler } from './handler/sessions.ts';
import { createAdminStore } from './store/admin.ts';
import { createAssertionStore } from './store/assertions.ts';
import { createAttemptStore } from './store/attempts.ts';
import { insertAudit } from './store/audit.ts';
import { createAuditStore } from './store/audit-log.ts';
import { createImportStore } from './store/imports.ts';
import { createLinkStore } from './store/links.ts';
import { createRoleStore } from './store/roles.ts';
import { keyHandler } from './handler/keys.ts';
import { revocationHandler } from './handler/revocation.ts';
import { createKeyStore } from './store/keys.ts';
import { listen } from './store/listen.ts';
import { createLocalRevocations } from './store/revocation-feed.ts';
import { createRevocationStore } from './store/revocations.ts';
import { openMacs, rewrapAll } from './store/secrets.ts';
import { createSweeper } from './store/sweeper.ts';
import { createSessionStore } from './store/sessions.ts';
import { createUserStore } from './store/users.ts';

/** The auth service, wired. */
export interface Auth {
  readonly app: RpcApp;
  readonly ready: Ready;
  readonly log: Log;
  /** The keys, for another guard of this process. */
  readonly keys: () => KeySource;
  /** Makes the first admin, unless there is one. Call it before a port opens; what it answers cannot be seen again. */
  ensureFirstAdmin(): Promise<FirstAdmin | undefined>;
  close(): Promise<void>;
}

/** Wires the auth service over a migrated database. */
export async function buildAuth(deps: {
  readonly config: AuthConfig;
  readonly database: Database;
  /** Services that may ask for tokens, besides those of the configuration. */
  readonly services?: readonly KnownService[];
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}): Promise<Auth> {
  const { config, database, log, metrics } = deps;
  const clock = Date.now;
  const db = new PrismaClient({ adapter: database.adapter });
  const users = createUserStore(db);
  const store = createSessionStore(db, {
    most: config.sessionLimit,
    idle: config.sessionIdle,
    max: config.sessionMax,
    grace: config.refreshGrace,
    replay: config.refreshReplay,
  });

  const master = createMasterKey(config.masterKey);
  if (config.masterKeyPrevious) {
    await rewrapAll(db, { current: config.masterKey, previous: config.masterKeyPrevious }, log);
  }
  const macs = await openMacs(db, master);
  const keyStore = createKeyStore(db);
  const keyring = await openKeyring({ store: keyStore, master, alg: config.alg, pending: config.keyPending, log });
  const keys = createKeys({
    store: keyStore,
    generate: () => generateSigningKey(config.alg, master),
    reload: () => keyring.reload(),
    times: { rotation: config.keyRotation, pending: config.keyPending, tokenLife: longestTokenLife },
    log,
  });
  const revocations = createLocalRevocations(createRevocationStore(db), log);
  await revocations.ready();
  const quietly = (what: string, work: () => Promise<void>) => () =>
    void work().catch((error: unknown) => log.warn({ err: error }, `${what} could not be read anew`));
  const notifications = listen({
    url: config.databaseUrl,
    heard: {
      signet_revocations: quietly('revocations', () => revocations.pull()),
      signet_keys: quietly('signing keys', () => keyring.reload()),
    },
    log,
  });
  const sweeper = createSweeper(db, log);
  const hasher = await createHasher({
    memory: config.argon2Memory,
    passes: config.argon2Passes,
    queue: config.hashQueue,
    threadPool: config.threadPool,
  });
  metrics.watch('signet_password_hashes_running', () => hasher.load().running);
  metrics.watch('signet_password_hashes_waiting', () => hasher.load().waiting);

  const { issuer, audience, accessTtl, passwordMin } = config;
  const tokens = createTokens({ signer: keyring.active, macs, issuer, audience, accessTtl });
  const accounts = createAccounts({ users, hasher, passwordMin, clock });
  const devices = createDeviceTokens(macs, clock);
  const limits = createLimits({
    store: createAttemptStore(db),
    account: config.loginLimit,
    network: config.loginLimitAddress,
    async onLimited(budget) {
      await insertAudit(db, { kind: 'login', outcome: 'limited', actorId: '', details: { budget } });
    },
  });
  const check = createPasswordCheck({
    users,
    hasher,
    limits,
    devices,
    mostWaiting: config.hashQueue,
    audit: (event) => insertAudit(db, event),
  });
  const sessions = createSessions({ store, passwords: check, devices, macs });
  const postman = createMailer({ smtpUrl: config.smtpUrl, from: config.mailFrom, folder: config.mailDir, log });
  const links = createLinkStore(db);
  const mailer = createLinkMailer({
    store: links,
    send: (mail) => postman.send(mail),
    baseUrl: config.linkUrl ?? issuer,
    log,
  });
  const passwords = createPasswords({ users, hasher, check, limits, devices, links, mailer, passwordMin });
  const emails = createEmailVerification({ users, check, limits, links, mailer });
  const admin = createAdmin(createAdminStore(db));
  const roleStore = createRoleStore(db);
  const serviceTokens = createServiceTokens({
    services: [...config.services, ...(deps.services ?? [])],
    store: createAssertionStore(db),
    signer: keyring.active,
    issuer,
    audience,
    fleetAudience: fleetAudienceOf(audience),
    accessTtl,
    scopesFor: async (roles) => scopesFor(roles, await roleStore.scopesOf(roles)),
  });
  const guard = guardFor(config, { keys: keyring.source(), revocations, metrics, log });
  const keysMaxAge = Math.max(1, Math.floor(Math.min(60_000, config.keyPending / 4) / 1_000));

  const cookies = cookieNames(issuer);
  const handler = authHandler({ accounts, sessions, tokens, keyring, guard, cookies, keysMaxAge });
  const closing = new AbortController();
  const ready: Ready = async () => {
    if (!revocations.isReady()) return 'revocations';
    return (await database.writable()) ? undefined : 'database';
  };
  await guard.ready();
  return {
    app: createService({
      mounted: [
        mount(AuthService, handler),
        mount(PasswordService, passwordHandler(passwords, cookies)),
        mount(EmailService, emailHandler(emails, cookies)),
        mount(SessionService, sessionHandler(sessions)),
        mount(AdminService, adminHandler(admin, createImports(createImportStore(db), clock))),
        mount(RoleService, roleHandler(createRoleDefinitions(roleStore))),
        mount(AuditService, auditHandler(createAuditLog(createAuditStore(db)))),
        mount(ServiceTokenService, serviceTokenHandler(serviceTokens)),
        mount(AccountService, accountHandler(admin)),
        mount(KeyService, keyHandler(keys)),
        mount(RevocationService, revocationHandler(revocations, closing.signal)),
      ],
      checks: [anyOriginGate(), connectGate(guard)],
      guard,
      ready,
      streams: { total: config.streamLimit, perAddress: config.streamLimitAddress },
      reflection: config.environment !== 'production',
      log,
      metrics,
    }),
    log,
    keys: keyring.source,
    ensureFirstAdmin: () =>
      ensureFirstAdmin({ users, accounts }, { email: config.adminEmail, password: config.adminPassword }),
    ready,
    async close() {
      closing.abort();
      keys.close();
      sweeper.close();
      guard.close();
      keyring.close();
      await Promise.all([notifications.close(), mailer.idle()]);
      postman.close();
    },
  };
}
