import type { DescMethod, JsonObject } from '@bufbuild/protobuf';
import { fromJson } from '@bufbuild/protobuf';
import { ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGrpcTransport as grpcChannel } from '#kit/transport/grpc-client.ts';
import type { AnyService } from '#kit/service/service.ts';
import { serviceNames, services } from '../../services/registry.ts';
import { openSystem, type Person, type System } from '../system.ts';
import { openRows, registryMethods, requestWith, textFieldsOf } from './registry.ts';

/** Sends the ids of another user in every field of every method (CVE-2025-61928: a user id from the body). */

let system: System;
let mallory: Person;
let victim: Person;
let session: string;
let rows: Awaited<ReturnType<typeof openRows>>;
let atEdge: Transport;
let direct: Map<string, Transport & { close(): void }>;
beforeAll(async () => {
  system = await openSystem({ services: serviceNames });
  mallory = await system.person();
  victim = await system.person();
  session = JSON.parse(Buffer.from(victim.access.split('.')[1] ?? '', 'base64url').toString()).sid;
  await system.rest('PATCH', '/users/profile', { token: victim.access, body: { bio: 'the victim' } });
  rows = await openRows(system.database.url);
  atEdge = createGrpcTransport({ baseUrl: system.edge });
  direct = new Map(
    Object.entries(system.targets).map(([name, target]) => [
      name,
      grpcChannel(target, (services as Record<string, AnyService>)[name]!.contract),
    ]),
  );
});
afterAll(async () => {
  for (const channel of direct.values()) channel.close();
  await rows.close();
  await system.close();
});

/** The first response as text; starts with `refused` when the call fails. */
async function answerOf(transport: Transport, method: DescMethod, json: JsonObject): Promise<string> {
  const stop = new AbortController();
  const headers = { authorization: `Bearer ${mallory.access}` };
  const message = fromJson(method.input, json) as never;
  try {
    if (method.methodKind === 'unary') {
      return JSON.stringify(
        (await transport.unary(method as never, stop.signal, 10_000, headers, message)).message,
        bigintAsText,
      );
    }
    async function* one(): AsyncIterable<never> {
      yield message;
    }
    const answer = await transport.stream(method as never, stop.signal, 1_000, headers, one());
    for await (const first of answer.message) return JSON.stringify(first, bigintAsText);
    return '';
  } catch (error) {
    const { rawMessage, details } = ConnectError.from(error);
    return `refused: ${rawMessage} ${JSON.stringify(details, bigintAsText)}`;
  } finally {
    stop.abort();
  }
}

const bigintAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

describe.each(
  registryMethods.map(({ name, method }) => [`${method.parent.typeName}/${method.name}`, name, method] as const),
)('%s', (_, name, method) => {
  test('with the ids of another user in any field, neither reveals nor changes their data', async () => {
    const ids = { id: victim.id, session, email: victim.email };
    await expect.poll(() => rows.unchained()).toBe(0);
    // Everyone may request a link for an email, and notification sets its token later.
    const before = (await rows.mentioning(...Object.values(ids))).filter((row) => !row.startsWith('auth.links'));
    // Account, session, profile and audit events.
    expect(before.length).toBeGreaterThan(4);
    const shown: string[] = [];
    for (const field of textFieldsOf(method)) {
      for (const [kind, id] of Object.entries(ids)) {
        for (const transport of [atEdge, direct.get(name)!]) {
          const answer = await answerOf(transport, method, requestWith(method, field, id));
          // The sent id may be echoed.
          const others = Object.entries({ ...ids, bio: 'the victim' }).filter(([other]) => other !== kind);
          shown.push(...others.filter(([, text]) => answer.includes(text)).map(([other]) => `${other} by ${field}`));
        }
      }
    }
    expect(shown).toEqual([]);
    // A failed attempt may add audit events, but must not change existing rows.
    expect(await rows.mentioning(...Object.values(ids))).toEqual(expect.arrayContaining(before));
  });
});
