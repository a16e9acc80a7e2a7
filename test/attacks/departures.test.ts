import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DescMethod } from '@bufbuild/protobuf';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '#gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { accessOf } from '#kit/guard/access.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { contractServices } from '../../scripts/contract.ts';
import { servicesWithData } from '../../services/registry.ts';
import { startTogether } from '../processes.ts';
import { ask } from '../system.ts';
import { doorSenders, grpcSender, type Manner, type Sender } from './departures/requests.ts';

// Callers who leave, whose deadline is over before the work, or whose body comes late: each of them
// without credentials, too. A promise that nothing waits for any more must not end the process.

const contract = [...(await contractServices()), Health, ServerReflection].flatMap(({ methods }) => methods);

const manners: readonly Manner[] = [
  ...[0, 1, 2, 3, 5, 10, 20].map((deadline) => ({ deadline })),
  { deadline: 2, bodyAfter: 12 },
  { deadline: 0, bodyAfter: 5 },
  ...[0, 2, 5, 10, 20, 40, 50].map((leavesAfter) => ({ leavesAfter })),
  { bodyAfter: 30, leavesAfter: 15 },
];

/** What may remain after 2 rounds of some 700 requests: connections of the pools, and what caches keep. */
const slack = { descriptors: 5, heap: 5_000_000 };

const admin = { email: 'root@example.com', password: 'the admin of the tests' };

/** Collects garbage all the time, so that what a process holds can be read off. */
const collecting = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
setInterval(runInNewContext('gc'), 250).unref();`;

type Together = Awaited<ReturnType<typeof startTogether>>;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let all: Together;
let senders: Sender[];
beforeAll(async () => {
  database = await freshDatabase();
  all = await startTogether(database, {
    // Keys are made more than once here, and these cost little.
    SIGNET_ALG: 'ES256',
    SIGNET_ADMIN_EMAIL: admin.email,
    SIGNET_ADMIN_PASSWORD: admin.password,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(collecting)}`,
  });
  senders = [
    ...doorSenders('the edge', all.ports.edge),
    ...doorSenders('the auth door', all.ports.auth),
    ...[...all.ports.grpc].map(([name, port]) => grpcSender(`gRPC at the ${name} service`, port)),
  ];
});
afterAll(async () => {
  for (const sender of senders) sender.close();
  await all.end('SIGTERM');
  await database.drop();
});

const edge = () => `http://127.0.0.1:${all.ports.edge}/api/v1`;
let people = 0;

async function signIn(credentials: { email: string; password: string }): Promise<string> {
  const answer = await ask(`${edge()}/auth/login`, 'POST', { body: credentials });
  expect(answer.status, answer.text).toBe(200);
  return answer.json.access_token;
}

/** Credentials that a method's rule admits, of a person of its own: some methods end sessions or accounts. */
async function tokenFor(method: DescMethod): Promise<string | undefined> {
  const rule = accessOf(method);
  if (rule === 'public') return undefined;
  if (!rule.internal && rule.roles?.includes('admin')) return signIn(admin);
  return signIn(await register());
}

async function register() {
  const credentials = { email: `p${++people}@example.com`, password: 'correct horse battery' };
  const made = await ask(`${edge()}/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  expect(made.status, made.text).toBe(201);
  return credentials;
}

/** A message that reaches the work behind validation, where an empty one does not. */
async function messageFor({ name }: DescMethod): Promise<unknown> {
  if (name === 'Login') return register();
  if (name === 'RequestPasswordReset') return { email: admin.email };
  if (name === 'Register') return { email: 'nobody', password: 'x', name: '' };
  return {};
}

/** Sends a method's requests in every manner, by every way, a few at once. */
async function pester(method: DescMethod): Promise<void> {
  const [token, message] = [await tokenFor(method), await messageFor(method)];
  const limit = pLimit(12);
  const sent = senders
    .filter((sender) => sender.carries(method))
    .flatMap((sender) => manners.map((manner) => limit(() => sender.send(method, message, token, manner))));
  await Promise.all(sent);
}

/** A gauge or counter of the process, summed over its labels. */
async function metric(name: string): Promise<number> {
  const { text } = await ask(`http://127.0.0.1:${all.ports.metrics}/metrics`, 'GET');
  return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

test('every gRPC port is asked', () => {
  expect([...all.ports.grpc.keys()].toSorted()).toEqual(servicesWithData.map(({ name }) => name).toSorted());
});

describe('a process whose callers leave', () => {
  test.each(contract.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))(
    'lives and answers the next call: %s',
    async (_, method) => {
      await pester(method);
      expect(all.hasEnded(), all.output()).toBe(false);
      const health = await ask(`http://127.0.0.1:${all.ports.edge}/health`, 'GET');
      expect(health.status).toBe(200);
    },
  );

  test('handles every promise, and writes no error for what its callers did', async () => {
    const errors = all
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":50'));
    expect(errors).toEqual([]);
    expect(await metric('signet_unhandled_rejections_total')).toBe(0);
    expect(await metric('signet_stray_errors_total')).toBe(0);
  });

  test.runIf(process.platform === 'linux')('gives back descriptors and memory', async () => {
    const some = contract.filter(({ name }) => ['GetJwks', 'Refresh', 'GetProfile', 'Watch', 'Verify'].includes(name));
    const round = async () => {
      for (const method of some) await pester(method);
      for (const sender of senders) sender.close();
    };
    await round();
    const before = await held();
    for (let times = 0; times < 2; times++) await round();
    const after = await held();
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + slack.descriptors);
    expect(after.heap).toBeLessThan(before.heap + slack.heap);
  });
});

/** What the process holds once nothing is asked of it: the least of some readings, for collections take their time. */
async function held(): Promise<{ descriptors: number; heap: number }> {
  const least = { descriptors: Infinity, heap: Infinity };
  for (let times = 0; times < 6; times++) {
    await sleep(300);
    least.descriptors = Math.min(least.descriptors, (await readdir(`/proc/${all.pid}/fd`)).length);
    least.heap = Math.min(least.heap, await metric('nodejs_heap_size_used_bytes'));
  }
  return least;
}
