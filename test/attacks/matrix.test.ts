import { create, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { http } from '#gen/proto/google/api/annotations_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { accessOf } from '#kit/guard/access.ts';
import { createGrpcTransport as grpcChannel } from '#kit/transport/grpc-client.ts';
import type { AnyService } from '#kit/service/service.ts';
import { services } from '../../services/registry.ts';
import { ask } from '../system.ts';
import { expected, expectedAtEdge, type Identity, type Verdict } from './matrix/expected.ts';
import { registryMethods } from './registry.ts';
import { openRig, type Rig } from './rig.ts';

/** Every service with methods, from the registry. New services are included automatically. */
const serving = Object.values<AnyService>(services).filter(({ contract }) => contract.length > 0);

/** The services that access rules name. */
const named = new Set(
  registryMethods.flatMap(({ method }) => {
    const rule = accessOf(method);
    return rule === 'public' ? [] : (rule.callers ?? []);
  }),
);

/** The services that a method's rule names, one that other rules name, the edge, and one that no rule names. */
function callersOf(method: DescMethod): string[] {
  const rule = accessOf(method);
  const allowed = rule === 'public' ? [] : (rule.callers ?? []);
  const others = [...named].filter((name) => !allowed.includes(name));
  return [...allowed, ...others.slice(0, 1), services.edge.name, 'stranger'];
}

const user = (roles: string[], age = 0) => ({ kind: 'user', roles, age }) as const;
const machine = (roles: string[]) => ({ kind: 'machine', roles, age: 0 }) as const;
const service = { kind: 'service', roles: ['admin'], age: 0 } as const;

const identitiesOf = (method: DescMethod): Identity[] => [
  { name: 'no credentials' },
  ...['user', 'raider', 'support', 'admin'].map((role) => ({ name: role, bearer: user([role]) })),
  { name: 'a user without a role', bearer: user([]) },
  { name: 'a user with an unknown role', bearer: user(['root']) },
  { name: 'a user who signed in ten minutes ago', bearer: user(['user'], 600) },
  { name: 'an admin who signed in ten minutes ago', bearer: user(['admin'], 600) },
  { name: 'a machine', bearer: machine([]) },
  { name: 'a machine with a role', bearer: machine(['admin']) },
  { name: 'a service token as bearer', bearer: service },
  { name: 'a machine as the caller', machineAsCaller: 'user' },
  { name: 'a machine as the caller for a user', machineAsCaller: 'user', bearer: user(['user']) },
  ...callersOf(method).flatMap((caller) => [
    { name: `the service ${caller}`, caller },
    { name: `the service ${caller} for a user`, caller, bearer: user(['user']) },
    { name: `the service ${caller} for an admin`, caller, bearer: user(['admin']) },
    { name: `the service ${caller} with a service token as bearer`, caller, bearer: service },
  ]),
];

/** Whether each caller tries each protocol of the edge. A plain run takes them in turn, and the service itself always. */
const everyWay = process.env['TEST_ROUNDS'] === '1';
let turn = 0;

let rig: Rig;
let transports: Record<string, Transport>;
let close: () => void;
beforeAll(async () => {
  rig = await openRig();
  const baseUrl = rig.edge;
  const channels = serving.map(({ name, contract }) => [name, grpcChannel(rig.targets[name]!, contract)] as const);
  close = () => channels.forEach(([, channel]) => channel.close());
  transports = {
    Connect: createConnectTransport({ baseUrl, httpVersion: '1.1' }),
    'gRPC-Web': createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
    gRPC: createGrpcTransport({ baseUrl }),
    ...Object.fromEntries(channels),
  };
});
afterAll(async () => {
  close();
  await rig.close();
});

/** Tokens that pass every other check. Their accounts and sessions do not exist. */
function headersOf({ bearer, caller, machineAsCaller }: Identity): Record<string, string> {
  const headers: Record<string, string> = {};
  if (bearer?.kind === 'machine') headers['authorization'] = `Bearer ${machineToken('machine', bearer.roles)}`;
  if (bearer?.kind === 'service') headers['authorization'] = `Bearer ${serviceToken('user', bearer.roles)}`;
  if (bearer?.kind === 'user') {
    // As fresh as the identity says, however long the run takes.
    const claims = rig.claims();
    const now = Math.floor(Date.now() / 1_000);
    const made = { iat: now, auth_time: now - bearer.age, sub: crypto.randomUUID(), sid: crypto.randomUUID() };
    headers['authorization'] = `Bearer ${rig.mint({ ...claims, ...made, roles: bearer.roles })}`;
  }
  if (caller !== undefined) headers['x-signet-caller'] = serviceToken(caller, []);
  if (machineAsCaller !== undefined) headers['x-signet-caller'] = machineToken(machineAsCaller, []);
  return headers;
}

function serviceToken(name: string, roles: readonly string[]): string {
  return machineToken(name, roles, { aud: 'signet:fleet' });
}

function machineToken(name: string, roles: readonly string[], more = {}): string {
  const { sid: _sid, email: _email, amr: _amr, acr: _acr, auth_time: _time, ...rest } = rig.claims();
  return rig.mint({ ...rest, sub: name, client_id: name, roles, scope: '', ...more });
}

const guardReasons = new Set<string>([
  'TOKEN_REQUIRED',
  'INVALID_TOKEN',
  'REAUTHENTICATION_REQUIRED',
  'INSUFFICIENT_SCOPE',
  'CALLER_NOT_ALLOWED',
  'KEYS_UNAVAILABLE',
  'REVOCATIONS_STALE',
]);

function verdictOf(reason: string | undefined, code?: Code): Verdict {
  if (code === Code.Unimplemented) return 'UNIMPLEMENTED';
  return reason !== undefined && guardReasons.has(reason) ? (reason as Verdict) : 'admitted';
}

async function overRpc(
  transport: Transport,
  method: DescMethod,
  headers: Record<string, string>,
  should: Verdict,
): Promise<Verdict> {
  const stop = new AbortController();
  try {
    if (method.methodKind === 'unary') {
      await transport.unary(method as never, stop.signal, 10_000, headers, create(method.input) as never);
    } else {
      // A stream may have nothing to send: one that is open at its deadline was admitted. A refusal may take longer on a
      // loaded machine.
      const deadline = should === 'admitted' ? 5_000 : 60_000;
      const answer = await transport.stream(method as never, stop.signal, deadline, headers, one(create(method.input)));
      for await (const _ of answer.message) break;
    }
    return 'admitted';
  } catch (error) {
    return verdictOf(reasonOf(error), ConnectError.from(error).code);
  } finally {
    stop.abort();
  }
}

async function* one(message: unknown): AsyncIterable<never> {
  yield message as never;
}

async function overRest(method: DescMethod, headers: Record<string, string>): Promise<Verdict> {
  const { pattern, body } = getOption(method, http);
  const path = (pattern.value as string).replaceAll(/\{\w+\}/g, () => crypto.randomUUID());
  const verb = String(pattern.case).toUpperCase();
  if (method.methodKind !== 'unary') {
    const stop = new AbortController();
    const response = await fetch(`${rig.edge}${path}`, { method: verb, headers, signal: stop.signal });
    const reason = response.ok ? undefined : ((await response.json()) as { code?: string }).code;
    stop.abort();
    return verdictOf(reason);
  }
  const answer = await ask(`${rig.edge}${path}`, verb, {
    headers,
    ...(body === '' ? {} : { body: {} }),
  });
  return verdictOf(answer.json?.code);
}

/** Without a refresh token, a public method reads the access token to find the session to end. */
const readsToken = new Set(['Logout']);

/**
 * Methods that look up the session in the database. For the unknown sessions of this test they answer like the guard
 * for an invalid token.
 */
const checkSession = new Set(['Verify', 'GetProfile', 'UpdateProfile']);

test.each(registryMethods)(
  '$method.parent.typeName/$method.name admits exactly the callers that the contract allows, over every protocol',
  async ({ name: own, method }) => {
    const atEdge = ['Connect', 'gRPC-Web', 'gRPC', ...(hasOption(method, http) ? ['REST'] : [])];
    const wrong: string[] = [];
    const tryAs = async (identity: Identity): Promise<void> => {
      if (readsToken.has(method.name) && identity.bearer && identity.bearer.kind !== 'user') return;
      const headers = headersOf(identity);
      const over = async (way: string, should: Verdict): Promise<[Verdict, Verdict]> => [
        await overRpc(transports[way]!, method, headers, should),
        should,
      ];
      const seen: Record<string, [Verdict, Verdict]> = {};
      seen[own] = await over(own, expected(method, identity));
      for (const way of everyWay ? atEdge : [atEdge[turn++ % atEdge.length]!]) {
        const should = expectedAtEdge(method, identity);
        seen[way] = way === 'REST' ? [await overRest(method, headers), should] : await over(way, should);
      }
      for (const [way, [is, should]] of Object.entries(seen))
        if (is !== should && !(should === 'admitted' && is === 'INVALID_TOKEN' && checkSession.has(method.name)))
          wrong.push(`${identity.name}, ${way}: ${is} instead of ${should}`);
    };
    // Streams are waited for at the same time.
    const identities = identitiesOf(method);
    if (method.methodKind === 'unary') for (const identity of identities) await tryAs(identity);
    else await Promise.all(identities.map(tryAs));
    expect(wrong).toEqual([]);
  },
);
