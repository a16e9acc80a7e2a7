import { createClient } from '@connectrpc/connect';
import { expect } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import type { Fleet } from '../../processes.ts';
import { type Answer, ask, type RequestOptions } from '../../system.ts';

/** The tokens of a session. */
export interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** A user with a session. */
export interface Person extends Tokens {
  readonly id: string;
  readonly email: string;
}

const password = 'a good long password';

/** What users of a fleet do. */
export type People = ReturnType<typeof openPeople>;

/** Opens the edge of a fleet for users. */
export function openPeople(fleet: Fleet) {
  const channel = createGrpcTransport(`127.0.0.1:${fleet.userPort}`, [UserService, Health]);
  const user = createClient(UserService, channel);
  const rest = (method: string, path: string, options?: RequestOptions) =>
    ask(`${fleet.edge}/api/v1${path}`, method, options);
  const atEdge = async (token: string) => codeOf(await rest('GET', '/users/profile', { token }));
  const atUser = (token: string) =>
    user.getProfile({}, { headers: { authorization: `Bearer ${token}` } }).then(
      () => 'OK',
      (error: unknown) => reasonOf(error) ?? String(error),
    );

  const everywhere = async ({ access }: Pick<Tokens, 'access'>) => [await atEdge(access), await atUser(access)];

  /** Exchanges a refresh token. The tokens are empty unless the code is `OK`. */
  async function tryRefresh(refresh_token: string): Promise<Tokens & { readonly code: string }> {
    const answer = await rest('POST', '/auth/refresh', { body: { refresh_token } });
    const { access_token: access = '', refresh_token: refresh = '' } = answer.json ?? {};
    if (answer.status === 200) for (const token of [access, refresh]) fleet.secret(token);
    return { code: codeOf(answer), access, refresh };
  }

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
    async refresh(token: string): Promise<Tokens> {
      const { code, ...tokens } = await tryRefresh(token);
      expect(code).toBe('OK');
      return tokens;
    },
    tryRefresh,
    /** Refreshes until the access token is valid everywhere: what a key signed before its revocation is not. */
    async refreshUntilValid(token: string): Promise<Tokens> {
      let tokens: Tokens = { access: '', refresh: token };
      await expect
        .poll(async () => {
          const { code, ...next } = await tryRefresh(tokens.refresh);
          if (code === 'OK') tokens = next;
          return code === 'OK' ? everywhere(tokens) : [code];
        })
        .toEqual(['OK', 'OK']);
      return tokens;
    },
    /** `OK` or the code of the problem, of a sign-in. */
    signsIn: async ({ email }: Pick<Person, 'email'>) =>
      codeOf(await rest('POST', '/auth/login', { body: { email, password } })),
    atEdge,
    atUser,
    /** `OK` or the code of the problem, of a call that guards alone decide on: through the edge, and at the user service. */
    everywhere,
    /** Ends the connection to the user service. */
    close: () => channel.close(),
    /** Whether the user service is ready. */
    isServing: async () => (await createClient(Health, channel).check({})).status === Serving.SERVING,
    /** Whether the auth service is ready. */
    isReady: async () => (await ask(`${fleet.auth}/ready`, 'GET').catch(() => undefined))?.status === 200,
  };
}

/** `OK`, or the code of the problem. */
function codeOf({ status, json }: Pick<Answer, 'status' | 'json'>): string {
  return status < 300 ? 'OK' : (json?.code ?? String(status));
}
