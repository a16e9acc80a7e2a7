import { Client } from 'pg';
import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { asService } from '#kit/guard/as-service.ts';
import { watchRevocations } from '#kit/guard/revocation-feed.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { Secret } from '#kit/log/secret.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import type { Child } from '../server/child.ts';
import { startAll, type System } from '../server/systems.ts';
import type { Bench, Facts } from './bench.ts';

const issuer = 'http://localhost:8080';
const size = 1_000_000;

/**
 * Measures the start of all services in one process, and the snapshots of new verifiers, with a million revocations that
 * have not expired. A start without them is the baseline.
 */
export async function live(bench: Bench): Promise<Facts> {
  const { key, publicKey } = generateServiceKey();
  const place = await bench.place('live');
  const environment = { ...place.environment, SIGNET_ISSUER: issuer, SIGNET_SERVICES: `bench=${publicKey}` };
  const start = async () => {
    const began = performance.now();
    const system = await startAll({ ...place, environment }, 'warn');
    return { system, seconds: (performance.now() - began) / 1_000 };
  };
  // Migrates.
  await (await start()).system.stop();
  const facts: Facts['facts'][number][] = [];
  for (const count of [0, size]) {
    if (count > 0) await fill(new Secret(place.environment['DATABASE_URL'] ?? ''), count);
    const { system, seconds } = await start();
    const server = serverOf(system);
    const name = `start with ${count.toLocaleString('en-US')}`;
    const { cpu } = await server.usage();
    facts.push(
      { name, value: seconds, unit: 's' },
      { name: `${name}, CPU time`, value: cpu / 1e6, unit: 's' },
      ...(await memoryRows(name, server)),
    );
    if (count > 0) for (const verifiers of [1, 10]) facts.push(...(await measureSnapshots(system, key, verifiers)));
    await system.stop();
  }
  return { title: `${size.toLocaleString('en-US')} live revocations, all services in one process`, facts };
}

/** Measures the snapshots of so many new verifiers at once, which are in this process. */
async function measureSnapshots(system: System, key: Secret, count: number): Promise<Facts['facts']> {
  const server = serverOf(system);
  // Begins to measure, without the collection of garbage that came before.
  await server.stall();
  await server.stall();
  const before = await server.usage();
  const own = process.cpuUsage();
  const began = performance.now();
  const verifiers = Array.from({ length: count }, () => openVerifier(system, key));
  await Promise.all(verifiers.map(({ revocations }) => revocations.ready()));
  const seconds = (performance.now() - began) / 1_000;
  const { user, system: kernel } = process.cpuUsage(own);
  const after = await server.usage();
  const stall = await server.stall();
  for (const { revocations, close } of verifiers) {
    if (revocations.size !== size) throw new Error(`a verifier holds ${revocations.size} revocations`);
    close();
  }
  const name = count === 1 ? 'snapshot of a new verifier' : `snapshots of ${count} new verifiers at once`;
  return [
    { name, value: seconds, unit: 's' },
    { name: `${name}, CPU time`, value: (after.cpu - before.cpu) / 1e6, unit: 's' },
    { name: `${name}, CPU time of each verifier`, value: (user + kernel) / count / 1e6, unit: 's' },
    { name: `${name}, longest stall of the server`, value: stall.time, unit: 'ms' },
    { name: `${name}, CPU time of the longest stall`, value: stall.cpu, unit: 'ms' },
    ...(await memoryRows(name, server)),
  ];
}

async function memoryRows(name: string, server: Child): Promise<Facts['facts']> {
  const { rss, peak } = await server.memory();
  return [
    { name: `${name}, memory (RSS) at the highest`, value: peak / 2 ** 20, unit: 'MiB' },
    { name: `${name}, memory (RSS) after it`, value: rss / 2 ** 20, unit: 'MiB' },
  ];
}

function serverOf({ processes: [server] }: System): Child {
  if (!server) throw new Error('no process');
  return server;
}

function openVerifier({ auth }: System, key: Secret) {
  const plain = createGrpcTransport(auth, [ServiceTokenService]);
  const identity = createServiceIdentity({ name: 'bench', key, issuer, transport: plain });
  const channel = createGrpcTransport(auth, [RevocationService]);
  const revocations = watchRevocations({ transport: asService(channel, identity) });
  return {
    revocations,
    close() {
      revocations.close();
      channel.close();
      plain.close();
    },
  };
}

/** Writes revocations of sessions, numbered. */
async function fill(url: Secret, count: number): Promise<void> {
  const db = new Client(connection(url));
  await db.connect();
  await db.query(
    `INSERT INTO auth.revocations (sequence, kind, target, revoked_at, expires_at)
     SELECT i, 'session', uuidv7()::text, now(), now() + interval '1 hour 10 seconds' FROM generate_series(1, ${count}) i`,
  );
  await db.query(
    `UPDATE auth.heads SET revocation_sequence = r.sequence, revocation_id = r.id
     FROM auth.revocations r WHERE r.sequence = ${count}`,
  );
  await db.query('VACUUM ANALYZE auth.revocations');
  await db.end();
}
