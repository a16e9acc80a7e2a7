import { createClient } from '@connectrpc/connect';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/user/client.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { readConfig } from '#kit/config/config.ts';
import { follow } from '#kit/events/follow.ts';
import { createRecord } from '#kit/events/record.ts';
import { serveEvents } from '#kit/events/serve.ts';
import { type EventDatabase, openEventDatabase } from '#kit/events/testing/rig.ts';
import { withCaller } from '#kit/events/testing/with-caller.ts';
import { createGuard, type Guard } from '#kit/guard/guard.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { createClosing, type TestClosing } from '#kit/testing/closing.ts';
import { silentLog } from '#kit/log/log.ts';
import { sql } from '#kit/store/sql.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { createInProcessTransport } from '#kit/transport/in-process.ts';
import { openService } from './open.ts';
import { defineRegistry } from './registry.ts';
import { type Build, type BuiltService, defineService, type DomainService, type ServiceDeps } from './service.ts';

/** A producer; wired as a domain service, which the auth service of the registry is not. */
const producer = defineService({
  name: 'auth',
  port: 1,
  contract: [],
  produces: [UserDeletedSchema],
  load: async (): Promise<Build> => buildProducer,
});

function buildProducer({ database }: ServiceDeps): BuiltService {
  const db = new PrismaClient({ adapter: database.adapter });
  return {
    mounted: [],
    events: serveEvents({ db, schema: 'auth', produces: producer.produces, keep: 86_400_000 }),
  };
}

const consumer = defineService({
  name: 'user',
  port: 2,
  contract: [],
  consumes: { auth: [UserDeletedSchema] },
  load: async (): Promise<Build> => buildConsumer,
});

function buildConsumer({ database, to, log, metrics }: ServiceDeps<typeof consumer>): BuiltService {
  const db = new PrismaClient({ adapter: database.adapter });
  const follower = follow({
    consumer: 'user',
    source: 'auth',
    transport: to('auth'),
    types: [UserDeletedSchema],
    db,
    async apply(events, tx) {
      for (const { message } of events) {
        await tx.$executeRaw(sql`INSERT INTO "user".effects (subject) VALUES (${message.userId})`);
      }
    },
    log,
    metrics,
  });
  return { mounted: [], followers: [follower] };
}

let events: EventDatabase;
let issuer: TestIssuer;
let guard: Guard;
let closing: TestClosing;
beforeEach(async () => {
  events = await openEventDatabase();
  issuer = await createTestIssuer();
  guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations: { isRevoked: () => false, age: () => 0 },
  });
  await guard.ready();
  closing = createClosing();
});
afterEach(async () => {
  await closing.close();
  guard.close();
  await events.close();
});

async function open(service: DomainService, to: () => RpcApp): Promise<RpcApp> {
  const environment = {
    DATABASE_URL: events.fresh.url.reveal(),
    SIGNET_SERVICE_KEY: randomBytes(32).toString('base64url'),
    [service.ports.grpc.env]: '0',
  };
  const token = await issuer.callerToken(service.name);
  const { app } = await openService(service, {
    config: readConfig(service.keys, environment),
    guard,
    to: () => withCaller(createInProcessTransport(to), token),
    log: silentLog,
    metrics: noMetrics,
    closing,
  });
  return app;
}

test('a service that produces numbers and serves its events; one that consumes is unready once it has stopped', async () => {
  const { auth, user } = defineRegistry({ auth: producer, user: consumer });
  const source = await open(auth, () => source);
  const app = await open(user, () => source);
  const userId = randomUUID();
  const record = createRecord('auth', [UserDeletedSchema]);
  await record(events.db, { type: UserDeletedSchema, subject: userId, message: { userId } });
  await expect.poll(events.effects).toEqual([userId]);
  const health = createClient(Health, createInProcessTransport(app));
  expect((await health.check({})).status).toBe(Serving.SERVING);
  await events.rows('UPDATE auth.event_head SET history = gen_random_uuid()');
  await expect.poll(async () => (await health.check({})).status).toBe(Serving.NOT_SERVING);
});
