import { keys } from '../../services/auth/config.ts';
import type { Case } from '../measure/measure.ts';
import type { Child } from '../server/child.ts';
import { startCompared } from '../server/systems.ts';
import type { Bench } from './bench.ts';
import { password } from './people.ts';

/** A peer with accounts in its own database. */
export interface Peer {
  readonly child: Child;
  readonly origin: string;
  readonly database: string;
  readonly emails: readonly string[];
  /** Headers with the credentials of each account. */
  readonly headers: readonly Readonly<Record<string, string>>[];
}

/** Signet's default parameters of Argon2id: KiB and passes. */
export const [argon2Memory, argon2Passes] = [Number(keys.argon2Memory.default), Number(keys.argon2Passes.default)];

/** Starts the Express monolith, with accounts that have signed in. */
export function startMonolith(bench: Bench, count: number): Promise<Peer> {
  return startPeer(bench, 'seed-monolith', {}, count, async (origin, account) => {
    await post(`${origin}/register`, account);
    const { access_token: token } = (await (await post(`${origin}/login`, account)).json()) as { access_token: string };
    return { authorization: `Bearer ${token}` };
  });
}

/** Starts better-auth, with accounts that have signed in. @param hash of passwords */
export function startBetterAuth(bench: Bench, count: number, hash: 'scrypt' | 'argon2id' = 'scrypt'): Promise<Peer> {
  const environment = { HASH: hash, ARGON2_MEMORY: String(argon2Memory), ARGON2_PASSES: String(argon2Passes) };
  return startPeer(bench, 'better-auth', environment, count, async (origin, account) => {
    const response = await post(`${origin}/api/auth/sign-up/email`, account);
    return {
      cookie: response.headers
        .getSetCookie()
        .map((line) => line.split(';', 1)[0])
        .join('; '),
    };
  });
}

async function startPeer(
  bench: Bench,
  name: string,
  more: Readonly<Record<string, string>>,
  count: number,
  signUp: (origin: string, account: object) => Promise<Record<string, string>>,
): Promise<Peer> {
  const { dir, database, environment } = await bench.place(name.replace('-', '_'));
  const { child, origin } = await startCompared(`bench/peers/${name}.mjs`, { ...environment, ...more }, dir);
  const emails = Array.from({ length: count }, (_, index) => `person${index}@example.com`);
  const headers = await Promise.all(emails.map((email) => signUp(origin, { email, password, name: 'Ada' })));
  return { child, origin, database, emails, headers };
}

async function post(url: string, body: object): Promise<Response> {
  // better-auth refuses the requests of fetch without an origin.
  const headers = { 'content-type': 'application/json', origin: new URL(url).origin };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}

/** The case that reads the own profile of each account of a peer. */
export function ownProfile(name: string, path: string, { child, origin, database, headers }: Peer): Case {
  const spec = { kind: 'profile-rest', url: `${origin}${path}`, headers } as const;
  return { name, load: { spec, chains: headers.length }, servers: [child], database };
}

/** The case that signs in at a peer. */
export function signIn(name: string, path: string, token: string, { child, origin, database, emails }: Peer): Case {
  const spec = { kind: 'login', url: `${origin}${path}`, emails, password, token } as const;
  return { name, load: { spec, chains: emails.length }, servers: [child], database };
}

/** Starts oidc-provider, which uses no database. @param clientKey the public key of its machine client, a JWK */
export async function startOidcProvider(bench: Bench, clientKey: object) {
  const { dir, database } = await bench.place('oidc_provider');
  const environment = { CLIENT_KEY: JSON.stringify(clientKey) };
  return { ...(await startCompared('bench/peers/oidc-provider.mjs', environment, dir)), database };
}
