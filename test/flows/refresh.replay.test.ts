import { createClient } from '@connectrpc/connect';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { openSystem, type Person, type System } from '../system.ts';

// A second use of a refresh token within the grace period gets the same response: two tabs, or a lost response. From
// another network or User-Agent, the second client may be a thief.

const phone = { address: '203.0.113.1', agent: 'Phone/1.0' };
const thief = { address: '198.51.100.9', agent: 'curl/8' };

describe.each(['audit', 'end'] as const)('SIGNET_REFRESH_REPLAY=%s', (replay) => {
  let system: System;
  let channel: GrpcTransport;
  let db: Client;
  let caller: string;
  let person: Person;
  beforeAll(async () => {
    system = await openSystem({ env: { SIGNET_REFRESH_REPLAY: replay } });
    channel = createGrpcTransport(`127.0.0.1:${system.authGrpcPort}`, [AuthService, ServiceTokenService]);
    db = new Client({ connectionString: system.database.url.reveal() });
    await db.connect();
    const { name, key } = system.service;
    caller = await createServiceIdentity({ name, key, issuer: 'http://localhost:8080', transport: channel }).token();
    system.secret(caller);
  });
  afterAll(async () => {
    await db.end();
    channel.close();
    await system.close();
  });
  beforeEach(async () => {
    person = await system.person();
  });

  /** Refreshes from a place. Returns the successor, or the reason of the refusal. */
  async function refresh(token: string, { address, agent }: typeof phone): Promise<string> {
    try {
      const headers = { 'x-signet-caller': caller, 'x-signet-peer': address, 'x-signet-agent': agent };
      const answer = await createClient(AuthService, channel).refresh({ refreshToken: token }, { headers });
      system.secret(answer.accessToken ?? '');
      return system.secret(answer.refreshToken ?? '');
    } catch (error) {
      return reasonOf(error) ?? String(error);
    }
  }
  const events = async () =>
    (
      await db.query(
        `SELECT outcome, ip, details FROM auth.audit_events WHERE kind = 'refresh_replay' AND subject_id = $1 ORDER BY at`,
        [person.id],
      )
    ).rows;
  const session = async () => (await db.query(`SELECT * FROM auth.sessions WHERE user_id = $1`, [person.id])).rows[0];
  const detailsOf = (otherNetwork: boolean, otherAgent: boolean) => ({
    session_id: person.refresh.split('.')[1],
    other_network: otherNetwork,
    other_agent: otherAgent,
    ended: replay === 'end',
  });
  const outcome = replay === 'end' ? 'failure' : 'success';

  test('a second use from the same place gets the same response and is not recorded', async () => {
    const first = await refresh(person.refresh, phone);
    expect(await refresh(person.refresh, phone)).toBe(first);
    expect(await events()).toEqual([]);
    expect(await session()).toMatchObject({ replayed_at: null, revoked_reason: null });
  });

  test('an address in the same IPv6 network is the same place', async () => {
    const first = await refresh(person.refresh, { ...phone, address: '2001:db8:0:7::1' });
    expect(await refresh(person.refresh, { ...phone, address: '2001:db8:0:7::2' })).toBe(first);
    expect(await events()).toEqual([]);
  });

  test.each([
    ['another network and User-Agent', thief, true, true],
    ['another network', { ...phone, address: thief.address }, true, false],
    ['another User-Agent', { ...phone, agent: thief.agent }, false, true],
    ['no User-Agent', { ...phone, agent: '' }, false, true],
  ])(
    'a second use from %s is recorded in the audit log and in the session list',
    async (_, place, otherNetwork, otherAgent) => {
      const first = await refresh(person.refresh, phone);
      const second = await refresh(person.refresh, place);
      expect(second).toBe(replay === 'end' ? 'REFRESH_TOKEN_REUSED' : first);
      expect(await events()).toEqual([{ outcome, ip: place.address, details: detailsOf(otherNetwork, otherAgent) }]);

      const { json } = await system.rest('POST', '/auth/login', {
        body: { email: person.email, password: person.password },
      });
      const token = system.secret(json.access_token);
      const listed = await system.rest('GET', '/auth/sessions?include_ended=true', { token });
      expect(listed.json.sessions.find(({ id }: { id: string }) => id === person.refresh.split('.')[1])).toMatchObject({
        replayed_at: expect.any(String),
        replayed_ip: place.address,
        ...(replay === 'end' ? { ended_reason: 'refresh_replay' } : {}),
      });
      expect(listed.json.sessions.filter((one: object) => 'replayed_at' in one)).toHaveLength(1);
    },
  );

  test('the order of the two clients does not matter', async () => {
    const first = await refresh(person.refresh, thief);
    const second = await refresh(person.refresh, phone);
    expect(second).toBe(replay === 'end' ? 'REFRESH_TOKEN_REUSED' : first);
    expect(await refresh(first, thief)).toMatch(replay === 'end' ? /^INVALID_REFRESH_TOKEN$/ : /^sr1\./);
  });

  test('fifty concurrent uses from two places cause one event and end the session at most once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => refresh(person.refresh, index % 2 === 0 ? phone : thief)),
    );
    expect(await events()).toHaveLength(1);
    const ended = { audit: null, end: 'refresh_replay' }[replay];
    expect(await session()).toMatchObject({ counter: 1, revoked_reason: ended });
    const successors = answers.filter((one) => one.startsWith('sr1.'));
    expect(new Set(successors).size, 'the same successor').toBe(1);
    expect(answers.filter((one) => one === 'REFRESH_TOKEN_REUSED')).toHaveLength(ended === null ? 0 : 1);
    expect(answers.filter((one) => one === 'INVALID_REFRESH_TOKEN')).toHaveLength(
      ended === null ? 0 : 49 - successors.length,
    );
  });

  test('each replayed token is recorded once', async () => {
    let token = person.refresh;
    for (let round = 0; round < 2; round++) {
      const next = await refresh(token, phone);
      for (let use = 0; use < 3; use++) await refresh(token, thief);
      token = next;
    }
    expect(await events()).toHaveLength(replay === 'end' ? 1 : 2);
  });

  test('a second use after the grace period is reuse, from any place', async () => {
    await refresh(person.refresh, phone);
    await db.query(`UPDATE auth.sessions SET rotated_at = now() - interval '11 seconds' WHERE user_id = $1`, [
      person.id,
    ]);
    expect(await refresh(person.refresh, thief)).toBe('REFRESH_TOKEN_REUSED');
    expect(await events()).toEqual([]);
    expect(await session()).toMatchObject({ revoked_reason: 'refresh_reuse', replayed_at: null });
  });

  test('a refresh token of another client is refused and changes nothing', async () => {
    const next = await refresh(person.refresh, phone);
    await db.query(
      `UPDATE auth.sessions SET client_id = 'app_other', rotated_at = now() - interval '1 hour'
      WHERE user_id = $1`,
      [person.id],
    );
    for (const token of [next, person.refresh]) {
      expect(await refresh(token, phone)).toBe('INVALID_REFRESH_TOKEN');
      expect((await system.rest('POST', '/auth/logout', { body: { refresh_token: token } })).status).toBe(200);
    }
    expect(await session()).toMatchObject({ counter: 1, revoked_at: null });
    await db.query(`UPDATE auth.sessions SET client_id = 'signet' WHERE user_id = $1`, [person.id]);
    expect(await refresh(next, phone)).toMatch(/^sr1\./);
  });
});
