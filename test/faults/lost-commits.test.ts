import { createClient } from '@connectrpc/connect';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { openSystem, type Person, type System } from '../system.ts';

// A standby without the last commits takes over, and the same number of commits follows on it: the sequence numbers of
// the revocation stream match those that verifiers have seen, but the entries differ.

let system: System;
let direct: GrpcTransport;
let db: Client;
beforeAll(async () => {
  system = await openSystem();
  direct = createGrpcTransport(`127.0.0.1:${system.userPort}`, [UserService]);
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  direct.close();
  await db.end();
  await system.close();
});

async function atEdge({ access }: Person): Promise<string> {
  const { status, json } = await system.rest('GET', '/users/profile', { token: access });
  return status === 200 ? 'OK' : json.code;
}

async function atUserService({ access }: Person): Promise<string> {
  const headers = { authorization: `Bearer ${access}` };
  return createClient(UserService, direct)
    .getProfile({}, { headers })
    .then(
      () => 'OK',
      (error: unknown) => reasonOf(error) ?? String(error),
    );
}

const everywhere = (users: readonly Person[]) =>
  Promise.all(users.flatMap((person) => [atEdge(person), atUserService(person)]));

async function three(): Promise<readonly Person[]> {
  return [await system.person(), await system.person(), await system.person()];
}

const headOf = async () =>
  (await db.query('SELECT revocation_sequence AS at, revocation_id AS id FROM auth.heads')).rows[0];

test('after a failover with lost commits, verifiers refuse sessions revoked before and after it', async () => {
  const [lost, later, bystanders] = [await three(), await three(), await three()];
  const all = [...lost, ...later, ...bystanders];
  // A profile that has a name is read without a call to auth, so only guards answer.
  for (const { access: token } of all) await system.rest('PATCH', '/users/profile', { token, body: { name: 'Ada' } });
  expect(await everywhere(all)).toEqual(all.flatMap(() => ['OK', 'OK']));
  const before = await headOf();
  for (const { refresh } of lost)
    expect((await system.rest('POST', '/auth/logout', { body: { refresh_token: refresh } })).status).toBe(200);
  const refused = (users: readonly Person[]) => users.flatMap(() => ['INVALID_TOKEN', 'INVALID_TOKEN']);
  await expect.poll(() => everywhere(lost), { timeout: 10_000 }).toEqual(refused(lost));
  const seen = await headOf();
  expect(Number(seen.at)).toBe(Number(before.at) + lost.length);

  await db.query('BEGIN');
  await db.query('DELETE FROM auth.revocations WHERE sequence > $1', [before.at]);
  await db.query('UPDATE auth.heads SET revocation_sequence = $1, revocation_id = $2', [before.at, before.id]);
  await db.query(
    `UPDATE auth.sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = ANY ($1::uuid[]) AND revoked_at IS NULL`,
    [later.map(({ id }) => id)],
  );
  await db.query('COMMIT');
  await expect.poll(async () => (await headOf()).at).toBe(seen.at);
  expect((await headOf()).id).not.toBe(seen.id);

  await expect.poll(() => everywhere(later), { timeout: 10_000 }).toEqual(refused(later));
  expect(await everywhere(lost)).toEqual(refused(lost));
  expect(await everywhere(bystanders)).toEqual(bystanders.flatMap(() => ['OK', 'OK']));
});
