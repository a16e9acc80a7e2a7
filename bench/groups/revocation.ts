import { execFile } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { createGuard, type Guard } from '#kit/guard/guard.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import { watchRevocations } from '#kit/guard/revocation-feed.ts';
import { asService } from '#kit/guard/as-service.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import type { Secret } from '#kit/log/secret.ts';
import { bodyOf, createHttp } from '../load/http.ts';
import { startAll, type System } from '../server/systems.ts';
import type { Bench, Facts } from './bench.ts';
import { createPeople, type Person } from './people.ts';

const issuer = 'http://localhost:8080';
const json = { 'content-type': 'application/json' };
const logouts = 200;

/** Measures the time from a logout request until every verifier rejects the access token, and the memory of a million revocations. */
export async function revocation(bench: Bench): Promise<Facts> {
  const { key, publicKey } = generateServiceKey();
  const place = await bench.place('revocation');
  const environment = { ...place.environment, SIGNET_ISSUER: issuer, SIGNET_SERVICES: `bench=${publicKey}` };
  const system = await startAll({ ...place, environment }, 'warn');
  const facts = [];
  for (const count of [1, 10]) {
    const verifiers = await Promise.all(Array.from({ length: count }, () => openVerifier(system, key)));
    const people = await createPeople(system.edge, logouts, `verifiers${count}`);
    const times: number[] = [];
    for (const person of people) times.push(await timeOf(system, person, verifiers));
    for (const { close } of verifiers) close();
    times.sort((a, b) => a - b);
    const name = `logout to rejection, ${count === 1 ? 'one verifier' : `all of ${count} verifiers`}`;
    facts.push(
      { name: `${name}, p50`, value: times[Math.floor(times.length * 0.5)] ?? Number.NaN, unit: 'ms' },
      { name: `${name}, p99`, value: times[Math.floor(times.length * 0.99)] ?? Number.NaN, unit: 'ms' },
    );
  }
  await system.stop();
  facts.push({ name: 'memory of 1,000,000 revoked sessions in a guard', value: await memory(), unit: 'MiB' });
  return { title: `Revocation: ${logouts} sequential logouts; verifiers over gRPC, in one process`, facts };
}

interface Verifier {
  readonly guard: Guard;
  readonly close: () => void;
}

async function openVerifier({ auth, authUrl }: System, key: Secret): Promise<Verifier> {
  const plain = createGrpcTransport(auth, [ServiceTokenService]);
  const identity = createServiceIdentity({ name: 'bench', key, issuer, transport: plain });
  const channel = createGrpcTransport(auth, [RevocationService]);
  const transport = asService(channel, identity);
  const revocations = watchRevocations({ transport });
  const keys = remoteJwks({ url: `${authUrl}/.well-known/jwks.json` });
  const guard = createGuard({ issuer, audience: 'signet', algorithms: ['RS256'], keys, revocations });
  await Promise.all([guard.ready(), revocations.ready()]);
  const close = () => {
    guard.close();
    revocations.close();
    channel.close();
    plain.close();
  };
  return { guard, close };
}

async function timeOf(system: System, { accessToken, refreshToken }: Person, verifiers: readonly Verifier[]) {
  for (const { guard } of verifiers) await guard.verify(accessToken);
  const http = createHttp();
  const began = performance.now();
  const body = JSON.stringify({ refresh_token: refreshToken });
  const rejected = Promise.all(verifiers.map((verifier) => untilRejected(verifier, accessToken)));
  bodyOf(await http.ask({ method: 'POST', url: `${system.edge}/api/v1/auth/logout`, headers: json, body }), 200);
  await rejected;
  http.close();
  return performance.now() - began;
}

async function untilRejected({ guard }: Verifier, token: string): Promise<void> {
  for (;;) {
    try {
      await guard.verify(token);
    } catch {
      return;
    }
    await setImmediate();
  }
}

async function memory(): Promise<number> {
  const script = fileURLToPath(new URL('../measure/revocation-memory.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--no-warnings', script]);
  return Number(stdout) / 2 ** 20;
}
