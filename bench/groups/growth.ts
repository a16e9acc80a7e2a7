import type { Spec } from '../load/work.ts';
import { bodyOf, createHttp } from '../load/http.ts';
import { startAll, type System } from '../server/systems.ts';
import type { Bench, Group } from './bench.ts';
import { grow } from './grown.ts';
import { createPeople, password } from './people.ts';

const chains = 8;
const sizes = [10_000, 1_000_000];
const effort = { warmUp: 1, seconds: 0.75 };
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
  const grown: { readonly name: string; readonly system: System; readonly loads: ReadonlyMap<string, Spec> }[] = [];
  for (const size of sizes) {
    const place = await bench.place('growth');
    const environment = {
      ...place.environment,
      SIGNET_ADMIN_EMAIL: admin.email,
      SIGNET_ADMIN_PASSWORD: admin.password,
    };
    const system = await startAll({ ...place, environment }, 'warn');
    // All accounts get this account's password hash.
    await createPeople(system.edge, 1);
    await grow(place, size);
    const people = await signInSome(system.edge, size);
    const [root] = await signIn(system.edge, [admin]);
    const loads = new Map(
      Object.entries(cases).map(([name, loadFor]) => [name, loadFor(system, people, root?.accessToken ?? '')]),
    );
    grown.push({ name: nameOf(size), system, loads });
  }
  const groups: Group[] = [];
  for (const kind of Object.keys(cases)) {
    const rows = await bench.measure(
      grown.map(({ name, system: { processes, place }, loads }) => ({
        name,
        load: { spec: loads.get(kind)!, chains },
        servers: processes,
        database: place.database,
      })),
      effort,
    );
    const title = `${kind}, as accounts grow`;
    groups.push({ title, operations: 'requests', baselines: [nameOf(sizes[0] ?? 0)], rows });
  }
  for (const { system } of grown) await system.stop();
  return groups;
}

function nameOf(size: number): string {
  return `${size.toLocaleString('en-US')} accounts`;
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
