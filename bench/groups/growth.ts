import { Client } from 'pg';
import { connection } from '#kit/db/database.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Spec } from '../load/work.ts';
import { bodyOf, createHttp } from '../load/http.ts';
import { startAll, type System } from '../server/systems.ts';
import type { Bench, Group, Row } from './bench.ts';
import { createPeople, password } from './people.ts';

const chains = 8;
const sizes = [10_000, 1_000_000];
const effort = { warmUp: 1, seconds: 3 };
const admin = { email: 'root@example.com', password: 'the admin of the bench' };

/** Creates the load for a grown system. */
type LoadFor = (system: System, people: readonly SignedIn[], adminToken: string) => Spec;

interface SignedIn {
  readonly id: string;
  readonly email: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

const cases: Readonly<Record<string, LoadFor>> = {
  'POST /api/v1/auth/refresh': ({ edge }, people) => ({
    kind: 'refresh',
    url: `${edge}/api/v1/auth/refresh`,
    refreshTokens: people.map(({ refreshToken }) => refreshToken),
  }),
  'GET /api/v1/auth/sessions': ({ edge }, people) => ({
    kind: 'list',
    urls: [`${edge}/api/v1/auth/sessions`],
    tokens: people.map(({ accessToken }) => accessToken),
    items: 'sessions',
  }),
  'GET /api/v1/admin/users?email_prefix=': ({ edge }, people, token) => ({
    kind: 'list',
    urls: people.map(({ email }) => `${edge}/api/v1/admin/users?email_prefix=${encodeURIComponent(email)}`),
    tokens: [token],
    items: 'users',
  }),
  'GET /api/v1/admin/audit?subject_id=': ({ edge }, people, token) => ({
    kind: 'list',
    urls: people.map(({ id }) => `${edge}/api/v1/admin/audit?subject_id=${id}`),
    tokens: [token],
    items: 'events',
  }),
  // Last, because an account has at most 20 sessions and sign-ins end the earlier ones.
  'POST /api/v1/auth/login': ({ edge }, people) => ({
    kind: 'login',
    url: `${edge}/api/v1/auth/login`,
    emails: people.map(({ email }) => email),
    password,
  }),
};

/** Measures requests with 10,000 and with 1,000,000 accounts, each account with a session and two audit events. */
export async function growth(bench: Bench): Promise<Group[]> {
  const rows = new Map<string, Row[]>(Object.keys(cases).map((name) => [name, []]));
  for (const size of sizes) {
    const place = await bench.place(`growth_${size}`);
    const environment = {
      ...place.environment,
      SIGNET_ADMIN_EMAIL: admin.email,
      SIGNET_ADMIN_PASSWORD: admin.password,
    };
    const system = await startAll({ ...place, environment }, 'warn');
    // All accounts get this account's password hash.
    await createPeople(system.edge, 1);
    await grow(new Secret(place.environment['DATABASE_URL'] ?? ''), size);
    const people = await signInSome(system.edge, size);
    const [root] = await signIn(system.edge, [admin]);
    for (const [name, loadFor] of Object.entries(cases)) {
      const figures = await bench.measure(
        loadFor(system, people, root?.accessToken ?? ''),
        system.processes,
        chains,
        effort,
      );
      rows.get(name)?.push({ name: nameOf(size), figures });
    }
    await system.stop();
  }
  return [...rows].map(([name, measured]) => ({
    title: `${name}, as accounts grow`,
    operations: 'requests',
    baseline: nameOf(sizes[0] ?? 0),
    rows: measured,
  }));
}

function nameOf(size: number): string {
  return `${size.toLocaleString('en-US')} accounts`;
}

/** Fills the tables with triggers disabled. */
async function grow(url: Secret, size: number): Promise<void> {
  const db = new Client(connection(url));
  await db.connect();
  await db.query(`SET session_replication_role = replica`);
  await db.query(
    `INSERT INTO auth.users (id, email, name, password_hash, roles)
     SELECT uuidv7(), 'user' || n || '@example.com', 'User ' || n, known.password_hash, '{user}'
     FROM generate_series(1, ${size}) n,
          (SELECT password_hash FROM auth.users WHERE email = 'person0@example.com') known`,
  );
  await db.query(
    `INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                idle_expires_at, expires_at, sweep_at)
     SELECT uuidv7(), id, 'signet', 'a browser', '192.0.2.1', '192.0.2.1', '{pwd}', sha256(id::text::bytea), now(),
            now() + interval '7 days', now() + interval '30 days', now() + interval '30 days'
     FROM auth.users`,
  );
  for (const kind of ['registered', 'login']) {
    await db.query(
      `INSERT INTO auth.audit_events (id, kind, outcome, actor_id, subject_id)
       SELECT uuidv7(), '${kind}', 'success', id::text, id::text FROM auth.users`,
    );
  }
  // Otherwise the service chains them during the measurement.
  await db.query('SELECT auth.chain_audit_events(2147483647)');
  await db.query('VACUUM ANALYZE auth.users, auth.sessions, auth.audit_events');
  await db.end();
}

/** Signs in accounts spread over the table, two per chain. */
function signInSome(edge: string, size: number): Promise<SignedIn[]> {
  const count = 2 * chains;
  const numbers = Array.from({ length: count }, (_, index) => 1 + Math.floor((index * size) / count));
  return signIn(
    edge,
    numbers.map((number) => ({ email: `user${number}@example.com`, password })),
  );
}

async function signIn(edge: string, accounts: readonly { email: string; password: string }[]): Promise<SignedIn[]> {
  const http = createHttp();
  const headers = { 'content-type': 'application/json' };
  const one = async (body: { email: string }): Promise<SignedIn> => {
    const url = `${edge}/api/v1/auth/login`;
    const answer = bodyOf(await http.ask({ method: 'POST', url, headers, body: JSON.stringify(body) }), 200);
    const { id } = answer['user'] as { id: string };
    return {
      id,
      email: body.email,
      accessToken: String(answer['access_token']),
      refreshToken: String(answer['refresh_token']),
    };
  };
  try {
    return await Promise.all(accounts.map(one));
  } finally {
    http.close();
  }
}
