import { expect } from 'vitest';
import type { Fleet } from '../../processes.ts';
import { type Answer, ask, type RequestOptions } from '../../system.ts';

/** A user with a session. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly access: string;
  readonly refresh: string;
}

const password = 'a good long password';

/** What users of a fleet do. */
export type People = ReturnType<typeof openPeople>;

/** Opens the edge of a fleet for users. */
export function openPeople(fleet: Pick<Fleet, 'edge' | 'auth' | 'secret'>) {
  const rest = (method: string, path: string, options?: RequestOptions) =>
    ask(`${fleet.edge}/api/v1${path}`, method, options);
  const exchange = (refresh_token: string) => rest('POST', '/auth/refresh', { body: { refresh_token } });

  async function add(): Promise<Person> {
    const email = `${crypto.randomUUID()}@example.com`;
    const made = await rest('POST', '/auth/register', { body: { email, password, name: 'Ada' } });
    expect(made.status, made.text).toBe(201);
    const { json } = await rest('POST', '/auth/login', { body: { email, password } });
    const token = fleet.secret(json.access_token);
    // A profile that has a name is read without a call to auth, so only guards answer.
    await rest('PATCH', '/users/profile', { token, body: { name: 'Ada' } });
    return { id: json.user.id, email, access: token, refresh: fleet.secret(json.refresh_token) };
  }

  return {
    /** The environment of the command line that signs in the administrator. */
    adminEnvironment: {
      SIGNET_URL: fleet.edge,
      SIGNET_CLI_EMAIL: 'admin@localhost',
      SIGNET_CLI_PASSWORD: 'the admin of the fleet',
    },
    /** Registers users and signs them in. */
    async add(count: number): Promise<Person[]> {
      const added: Person[] = [];
      while (added.length < count) added.push(await add());
      return added;
    },
    async signOut({ refresh }: Person): Promise<void> {
      const { status, text } = await rest('POST', '/auth/logout', { body: { refresh_token: refresh } });
      expect(status, text).toBe(200);
    },
    /** Deletes an account. */
    async erase({ access: token }: Person): Promise<void> {
      const { status, text } = await rest('DELETE', '/users/account', { token });
      expect(status, text).toBe(204);
    },
    /** Exchanges a refresh token. */
    async refresh(token: string): Promise<Pick<Person, 'access' | 'refresh'>> {
      const { status, json, text } = await exchange(token);
      expect(status, text).toBe(200);
      return { access: fleet.secret(json.access_token), refresh: fleet.secret(json.refresh_token) };
    },
    /** `OK`, or the code of the problem, of a refresh; of a sign-in; of a call that only guards answer. */
    refreshes: async (token: string) => codeOf(await exchange(token)),
    signsIn: async ({ email }: Person) => codeOf(await rest('POST', '/auth/login', { body: { email, password } })),
    atEdge: async (token: string) => codeOf(await rest('GET', '/users/profile', { token })),
    isReady: async () => (await ask(`${fleet.auth}/ready`, 'GET').catch(() => undefined))?.status === 200,
  };
}

/** `OK`, or the code of the problem. */
function codeOf({ status, json }: Pick<Answer, 'status' | 'json'>): string {
  return status < 300 ? 'OK' : (json?.code ?? String(status));
}
