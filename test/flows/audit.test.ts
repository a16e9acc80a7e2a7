import { generateKeyPairSync } from 'node:crypto';
import * as bcrypt from '@node-rs/bcrypt';
import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { privateServiceKey } from '#kit/guard/service-key.ts';
import { auditKinds, type AuditKind } from '../../services/auth/audit/rules/events.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';

// Every kind of event is recorded with actor, subject, address and request id, and without secrets.

let system: System;
let db: Client;
let adminToken: string;
let adminId: string;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_KEY_PENDING: '10s', SIGNET_SESSION_LIMIT: '1000' } });
  db = new Client(connection(system.database.url));
  await db.connect();
  const { json } = await system.rest('POST', '/auth/login', { body: admin });
  [adminToken, adminId] = [secret(json.access_token), json.user.id];
});
afterAll(async () => {
  await db.end();
  await system.close();
});

const hidden: string[] = [];
/** A string that no audit event and no log line may contain. */
function secret(text: string): string {
  hidden.push(text);
  return system.secret(text);
}

let requestId = '';
/** Sends a request with an id that identifies its audit event. */
function send(method: string, path: string, body?: object, token?: string) {
  requestId = randomUUID();
  const headers = { 'x-request-id': requestId };
  return system.rest(method, path, { headers, ...(body ? { body } : {}), ...(token ? { token } : {}) });
}
const asAdmin = (method: string, path: string, body?: object) => send(method, `/admin${path}`, body, adminToken);
async function linkFor(purpose: string, { id }: Person): Promise<string> {
  const token = randomUUID();
  await db.query(
    `INSERT INTO auth.links (hash, purpose, user_id, email, expires_at)
     SELECT $1, $2, id, email, now() + interval '1 minute' FROM auth.users WHERE id = $3`,
    [createHash('sha256').update(token).digest(), purpose, id],
  );
  return secret(token);
}
const activeKey = async () =>
  (await db.query<{ kid: string }>(`SELECT kid FROM auth.signing_keys WHERE state = 'active'`)).rows[0]?.kid ?? '';

interface Expected {
  /** The actor; empty when unknown. */
  readonly actor?: string;
  readonly subject: string;
  readonly outcome?: string;
  /** Not caused by a request: done by a timer, or later. */
  readonly background?: true;
}
const own = ({ id }: Person): Expected => ({ actor: id, subject: id });
const byAdmin = (subject: string): Expected => ({ actor: adminId, subject });

/** Kinds that other tests cover: test/faults, those of the command line, and those of the retention. */
const elsewhere = ['master_key_changed', 'audit_dropped', 'database_restored'] as const;

/** One act per kind, with the event it must record. */
const acts: Record<Exclude<AuditKind, (typeof elsewhere)[number]>, (ada: Person) => Promise<Expected>> = {
  async registered() {
    const email = `${randomUUID()}@example.com`;
    const { json } = await send('POST', '/auth/register', { email, password: 'correct horse battery', name: 'Ada' });
    return { actor: json.user.id, subject: json.user.id };
  },
  async login(ada) {
    const { json } = await send('POST', '/auth/login', { email: ada.email, password: ada.password });
    secret(json.access_token);
    secret(json.refresh_token);
    return own(ada);
  },
  async service_login() {
    const { name, key } = system.service;
    const now = Math.floor(Date.now() / 1_000);
    const assertion = await new SignJWT({
      iss: name,
      sub: name,
      aud: 'http://localhost:8080',
      jti: randomUUID(),
      iat: now,
      exp: now + 30,
    })
      .setProtectedHeader({ alg: 'EdDSA' })
      .sign(privateServiceKey(key));
    const { json } = await send('POST', '/auth/service-token', {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: secret(assertion),
    });
    secret(json.access_token);
    return { actor: name, subject: name };
  },
  async logout(ada) {
    await send('POST', '/auth/logout', { refresh_token: ada.refresh });
    return { subject: ada.id };
  },
  async refresh_reuse(ada) {
    for (let token = ada.refresh, index = 0; index < 2; index++) {
      const { json } = await send('POST', '/auth/refresh', { refresh_token: token });
      secret(json.access_token);
      token = secret(json.refresh_token);
    }
    await send('POST', '/auth/refresh', { refresh_token: ada.refresh });
    return { subject: ada.id, outcome: 'failure' };
  },
  async refresh_replay(ada) {
    for (const agent of ['a phone', 'another']) {
      const { json } = await system.rest('POST', '/auth/refresh', {
        body: { refresh_token: ada.refresh },
        headers: { 'user-agent': agent, 'x-request-id': requestId },
      });
      secret(json.access_token);
      secret(json.refresh_token);
    }
    return { subject: ada.id };
  },
  async refresh_ahead(ada) {
    const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: ada.refresh } });
    secret(json.access_token);
    const newest = secret(json.refresh_token);
    // As a restored database has it.
    await db.query(`UPDATE auth.sessions SET counter = 0 WHERE user_id = $1`, [ada.id]);
    const after = await send('POST', '/auth/refresh', { refresh_token: newest });
    secret(after.json.access_token);
    secret(after.json.refresh_token);
    return { subject: ada.id };
  },
  async session_revoked(ada) {
    await send('DELETE', `/auth/sessions/${ada.refresh.split('.')[1]}`, undefined, ada.access);
    return own(ada);
  },
  async sessions_revoked(ada) {
    await asAdmin('POST', `/users/${ada.id}:signOut`, {});
    return byAdmin(ada.id);
  },
  async password_changed(ada) {
    const next = secret(`${ada.password} and more`);
    await send('POST', '/auth/password', { current_password: ada.password, new_password: next }, ada.access);
    return own(ada);
  },
  async password_reset_requested(ada) {
    await send('POST', '/auth/password/reset-request', { email: ada.email });
    return { subject: ada.id };
  },
  async password_reset(ada) {
    const token = await linkFor('password_reset', ada);
    await send('POST', '/auth/password/reset', { token, new_password: secret(`${ada.password} and more`) });
    return own(ada);
  },
  async email_verification_sent(ada) {
    await send('POST', '/auth/email/verification', {}, ada.access);
    return own(ada);
  },
  async email_verified(ada) {
    const token = await linkFor('email_verification', ada);
    await send('POST', '/auth/email/confirm', { token }, ada.access);
    return own(ada);
  },
  async user_imported() {
    const password_hash = secret(await bcrypt.hash('an old password', { cost: 4 }));
    const users = [{ email: `${randomUUID()}@example.com`, name: 'Ada', password_hash }];
    const { json } = await asAdmin('POST', '/users:import', { users });
    return byAdmin(json.results[0].user_id);
  },
  async role_granted(ada) {
    await asAdmin('PUT', `/users/${ada.id}/roles/support`, {});
    return byAdmin(ada.id);
  },
  async role_revoked(ada) {
    await asAdmin('DELETE', `/users/${ada.id}/roles/user`);
    return byAdmin(ada.id);
  },
  async role_defined() {
    await asAdmin('PUT', '/roles/editor', { scopes: ['edit'] });
    return byAdmin('editor');
  },
  async role_deleted() {
    await asAdmin('DELETE', '/roles/editor');
    return byAdmin('editor');
  },
  async user_disabled(ada) {
    await asAdmin('POST', `/users/${ada.id}:disable`, {});
    return byAdmin(ada.id);
  },
  async user_enabled(ada) {
    await asAdmin('POST', `/users/${ada.id}:disable`, {});
    await asAdmin('POST', `/users/${ada.id}:enable`, {});
    return byAdmin(ada.id);
  },
  async account_deleted(ada) {
    await send('DELETE', '/users/account', undefined, ada.access);
    return own(ada);
  },
  async key_created() {
    return byAdmin((await asAdmin('POST', '/keys:rotate', {})).json.kid);
  },
  async key_activated() {
    const { kid } = (await asAdmin('POST', '/keys:rotate', {})).json;
    await expect.poll(activeKey).toBe(kid);
    return { subject: kid, background: true };
  },
  async key_gone() {
    const sql = `UPDATE auth.signing_keys SET activated_at = now() - interval '61 days', created_at = now() - interval '61 days',
      retired_at = now() - interval '1 day' WHERE state = 'retired' RETURNING kid`;
    const { rows } = await db.query<{ kid: string }>(sql);
    return { subject: rows[0]?.kid ?? 'none', background: true };
  },
  async key_imported() {
    await signInAdmin();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    hidden.push(...pem.split('\n').filter((line) => line.length === 64));
    return byAdmin((await asAdmin('POST', '/keys:import', { pem })).json.kid);
  },
  async key_revoked() {
    // The previous act expires the key that signed the current token.
    await signInAdmin();
    const kid = await activeKey();
    expect((await asAdmin('POST', `/keys/${kid}:revoke`, {})).status).toBe(200);
    return byAdmin(kid);
  },
};

test('the acts cover every kind that no other test covers', () => {
  expect([...Object.keys(acts), ...elsewhere].toSorted()).toEqual([...auditKinds].toSorted());
});

test.each(Object.entries(acts))('%s is recorded with actor, subject, address and request id', async (kind, act) => {
  const ada = await system.person();
  hidden.push(ada.password, ada.access, ada.refresh, ada.csrf);
  const { actor = '', subject, outcome = 'success', background } = await act(ada);
  const find = async () => {
    const { json } = await system.rest('GET', `/admin/audit?kind=${kind}&subject_id=${subject}&page_size=1`, {
      token: await freshAdmin(),
    });
    return json.events?.[0] as Record<string, unknown> | undefined;
  };
  await expect.poll(find).toMatchObject({
    kind,
    outcome,
    actor_id: actor,
    subject_id: subject,
    ip: background ? '' : '127.0.0.1',
    request_id: background ? '' : requestId,
  });
});

/** A valid admin token, also after an act that revoked the previous one. */
async function freshAdmin(): Promise<string> {
  if ((await system.rest('GET', '/admin/audit?page_size=1', { token: adminToken })).status !== 200) {
    await signInAdmin();
  }
  return adminToken;
}

async function signInAdmin(): Promise<void> {
  adminToken = secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
}

test('a failed or limited sign-in is recorded without the credentials', async () => {
  const ada = await system.person();
  const typed = secret(`wrong ${randomUUID()}`);
  for (let index = 0; index < 11; index++) await send('POST', '/auth/login', { email: ada.email, password: typed });
  await send('POST', '/auth/login', { email: `${typed}@example.com`.replaceAll(' ', ''), password: typed });
  const outcomes = await db.query(
    `SELECT outcome, count(*)::int FROM auth.audit_events WHERE kind = 'login' AND subject_id = $1 GROUP BY 1 ORDER BY 1`,
    [ada.id],
  );
  expect(outcomes.rows).toEqual([
    { outcome: 'failure', count: 10 },
    { outcome: 'success', count: 1 },
  ]);
  const limited = await db.query(`SELECT outcome FROM auth.audit_events WHERE outcome = 'limited'`);
  expect(limited.rows).toHaveLength(1);
});

test('no audit event contains a secret', async () => {
  const { rows } = await db.query<{ all: string }>(
    'SELECT string_agg(e::text, chr(10)) AS all FROM auth.audit_events e',
  );
  const all = rows[0]?.all ?? '';
  expect(all.length).toBeGreaterThan(1_000);
  expect(hidden.filter((one) => all.includes(one)).length).toBe(0);
  expect(all).not.toMatch(/eyJ|sr1\.|\$argon2|PRIVATE/);
});
