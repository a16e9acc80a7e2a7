import { bodyOf, createHttp } from '../load/http.ts';
import { type Place, startAll, startCompared, startFleet, type System } from '../server/systems.ts';
import type { Bench, Group, Row } from './bench.ts';
import { createPeople, type Person } from './people.ts';

const chains = 16;

/** Measures GET profile over REST through the edge, compared with plain Fastify. */
export async function rest(bench: Bench): Promise<Group> {
  const place = await bench.place('rest');
  const first = await startAll(place, 'warn');
  const people = await createPeople(first.edge, chains);
  const pem = await publicKeyOf(first.edge);
  const rows: Row[] = [{ name: 'Signet, one process', figures: await load(bench, first, people) }];
  const logging = await startAll(place, 'info');
  rows.push({ name: 'Signet, one process, access log on', figures: await load(bench, logging, people) });
  const fleet = await startFleet(place, 'warn');
  rows.push(
    { name: 'Signet, edge and user service in separate processes', figures: await load(bench, fleet, people) },
    { name: 'plain Fastify, no guard', figures: await bare(bench, place, people) },
    { name: 'plain Fastify, public key fetched for every request', figures: await fetched(bench, place, people, pem) },
  );
  return {
    title: 'GET /api/v1/users/profile over REST',
    operations: 'requests',
    baseline: 'plain Fastify, no guard',
    rows,
  };
}

async function load(bench: Bench, system: System, people: readonly Person[]) {
  const url = `${system.edge}/api/v1/users/profile`;
  const figures = await bench.measure(
    { kind: 'profile-rest', url, tokens: tokensOf(people) },
    system.processes,
    chains,
  );
  await system.stop();
  return figures;
}

async function bare(bench: Bench, place: Place, people: readonly Person[]) {
  const { child, address } = await startCompared(place, 'bare-fastify', { USER_ID: people[0]?.id ?? '' });
  const url = `http://${address}/profile`;
  const figures = await bench.measure({ kind: 'profile-rest', url, tokens: tokensOf(people) }, [child], chains);
  await child.stop();
  return figures;
}

async function fetched(bench: Bench, place: Place, people: readonly Person[], pem: string) {
  const keys = await startCompared(place, 'key-server', { PEM: pem });
  const service = await startCompared(place, 'fetched-key', { KEY_URL: `http://${keys.address}/public-key` });
  const url = `http://${service.address}/profile`;
  const servers = [service.child, keys.child];
  const figures = await bench.measure({ kind: 'profile-rest', url, tokens: tokensOf(people) }, servers, chains);
  for (const child of servers) await child.stop();
  return figures;
}

async function publicKeyOf(edge: string): Promise<string> {
  const http = createHttp();
  const { status, text } = await http.ask({ method: 'GET', url: `${edge}/api/v1/auth/public-key` });
  http.close();
  if (status !== 200) throw bodyOf({ status, text }, 200);
  return text;
}

function tokensOf(people: readonly Person[]): string[] {
  return people.map(({ accessToken }) => accessToken);
}
