import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '#gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { OrderService } from '#gen/proto/signet/order/v1/order_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { accessOf } from '#kit/guard/access.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { contractServices } from '../../scripts/contract.ts';
import { servicesWithData } from '../../services/registry.ts';
import { startTogether } from '../processes.ts';
import { ask } from '../system.ts';
import { publicPortSenders, grpcSender, type Behavior, type Sender } from './departures/requests.ts';

// Clients that disconnect, whose deadline expires before the work is done, or whose body arrives late, with and without
// credentials. An unobserved promise must not end the process.

const everywhere: readonly DescService[] = [Health, ServerReflection];
const contract = [...(await contractServices()), ...everywhere].flatMap(({ methods }) => methods);
/** Methods that most ports do not have. A port refuses all of them in the same way. */
const foreign = [UserService.method.getProfile, OrderService.method.watchOrder];

const behaviors: readonly Behavior[] = [
  ...[0, 1, 2, 3, 5, 10, 20].map((deadline) => ({ deadline })),
  { deadline: 2, bodyAfter: 12 },
  { deadline: 0, bodyAfter: 5 },
  ...[0, 2, 5, 10, 20, 40, 50].map((leavesAfter) => ({ leavesAfter })),
  { bodyAfter: 30, leavesAfter: 15 },
];

/** Allowed growth after 2 rounds of about 200 requests: pooled connections and cache entries. */
const slack = { descriptors: 5, heap: 5_000_000 };

const admin = { email: 'root@example.com', password: 'the admin of the tests' };

/** Collects garbage on SIGUSR2, so that the heap size shows the memory in use. */
const collecting = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
// Without an argument: with the signal's name it would collect young objects only.
process.on('SIGUSR2', () => gc());`;

type Together = Awaited<ReturnType<typeof startTogether>>;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let all: Together;
let senders: Sender[];
beforeAll(async () => {
  database = await freshDatabase();
  all = await startTogether(database, {
    // The test creates several keys; ES256 keys are cheap.
    SIGNET_ALG: 'ES256',
    SIGNET_ADMIN_EMAIL: admin.email,
    SIGNET_ADMIN_PASSWORD: admin.password,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(collecting)}`,
  });
  const contractOf = (name: string) => servicesWithData.find((one) => one.name === name)?.contract ?? [];
  senders = [
    ...publicPortSenders(
      'the edge',
      all.ports.edge,
      servicesWithData.flatMap(({ contract: served }) => served),
    ),
    ...publicPortSenders('the public port of auth', all.ports.auth, contractOf('auth')),
    ...[...all.ports.grpc].map(([name, port]) => grpcSender(`gRPC at the ${name} service`, port, contractOf(name))),
  ];
});
afterAll(async () => {
  for (const sender of senders) sender.close();
  await all.end('SIGTERM');
  await database.drop();
});

const edge = () => `http://127.0.0.1:${all.ports.edge}/api/v1`;
let registered = 0;

async function signIn(credentials: { email: string; password: string }): Promise<string> {
  const answer = await ask(`${edge()}/auth/login`, 'POST', { body: credentials });
  expect(answer.status, answer.text).toBe(200);
  return answer.json.access_token;
}

/**
 * Credentials that the access rule of the method admits, of a new user, because some methods end sessions or accounts.
 */
async function tokenFor(method: DescMethod): Promise<string | undefined> {
  const rule = accessOf(method);
  if (rule === 'public') return undefined;
  if (!rule.internal && rule.roles?.includes('admin')) return signIn(admin);
  return signIn(await register());
}

async function register() {
  const credentials = { email: `p${++registered}@example.com`, password: 'correct horse battery' };
  const made = await ask(`${edge()}/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  expect(made.status, made.text).toBe(201);
  return credentials;
}

/** A message that passes validation, where an empty one does not. */
async function messageFor({ name }: DescMethod): Promise<unknown> {
  if (name === 'Login') return register();
  if (name === 'RequestPasswordReset') return { email: admin.email };
  if (name === 'Register') return { email: 'nobody', password: 'x', name: '' };
  return {};
}

/**
 * Sends requests to a method with every behavior and over every protocol, a few at a time. A third of the behaviors goes over
 * one protocol, and another third over the next one, so that each is tried with each method and over each protocol.
 * @param ports of all ports, or of those that serve the method
 */
async function callAndLeave(method: DescMethod, ports: 'all' | 'serving' = 'serving'): Promise<void> {
  const [token, message] = [await tokenFor(method), await messageFor(method)];
  const limit = pLimit(12);
  const sent = senders
    .filter((sender) => sender.carries(method) && (ports === 'all' || isServed(method, sender)))
    .flatMap((sender, place) =>
      behaviors
        .filter((_, index) => (index + place + contract.indexOf(method)) % 3 === 0)
        .map((behavior) => limit(() => sender.send(method, message, token, behavior))),
    );
  await Promise.all(sent);
}

/** Whether a port serves a method. Every port serves health and reflection. */
function isServed({ parent }: DescMethod, { serves }: Sender): boolean {
  return serves.includes(parent) || everywhere.includes(parent);
}

/** A gauge or counter of the process, summed over its labels. */
async function metric(name: string): Promise<number> {
  const { text } = await ask(`http://127.0.0.1:${all.ports.metrics}/metrics`, 'GET');
  return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

test('the test covers every gRPC port', () => {
  expect([...all.ports.grpc.keys()].toSorted()).toEqual(servicesWithData.map(({ name }) => name).toSorted());
});

describe('a process whose clients disconnect', () => {
  test.each(contract.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))(
    'survives and serves the next call: %s',
    async (_, method) => {
      await callAndLeave(method);
      expect(all.hasEnded(), all.output()).toBe(false);
      const health = await ask(`http://127.0.0.1:${all.ports.edge}/health`, 'GET');
      expect(health.status).toBe(200);
    },
  );

  test.each(foreign.map((method) => [method.name, method] as const))(
    'survives at every port, also where the method is unknown: %s',
    async (_, method) => {
      await callAndLeave(method, 'all');
      expect(all.hasEnded(), all.output()).toBe(false);
    },
  );

  test('handles every rejection and logs no error', async () => {
    const errors = all
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":50'));
    expect(errors).toEqual([]);
    expect(await metric('signet_unhandled_rejections_total')).toBe(0);
    expect(await metric('signet_stray_errors_total')).toBe(0);
  });

  test.runIf(process.platform === 'linux')('releases descriptors and memory', async () => {
    const some = contract.filter(({ name }) => ['GetJwks', 'Refresh', 'GetProfile', 'Watch', 'Verify'].includes(name));
    const round = async () => {
      for (const method of some) await callAndLeave(method);
      for (const sender of senders) sender.close();
    };
    await round();
    const before = await held();
    for (let times = 0; times < 2; times++) await round();
    // Idle database connections close after 10 s.
    const surplus = async () => {
      const { descriptors, heap } = await held();
      return {
        descriptors: Math.max(0, descriptors - before.descriptors - slack.descriptors),
        heap: Math.max(0, heap - before.heap - slack.heap),
      };
    };
    await expect.poll(surplus).toEqual({ descriptors: 0, heap: 0 });
  });
});

/** The resources of the idle process: the minimum of several readings, because closing connections takes time. */
async function held(): Promise<{ descriptors: number; heap: number }> {
  const least = { descriptors: Infinity, heap: Infinity };
  for (let times = 0; times < 8; times++) {
    await sleep(300);
    process.kill(all.pid!, 'SIGUSR2');
    least.descriptors = Math.min(least.descriptors, (await readdir(`/proc/${all.pid}/fd`)).length);
    least.heap = Math.min(least.heap, await metric('nodejs_heap_size_used_bytes'));
  }
  return least;
}
