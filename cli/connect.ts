import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import type { Environment } from '#kit/config/config.ts';
import { serviceKey } from '#kit/config/types.ts';
import type { Secret } from '#kit/log/secret.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { misuse } from './failures.ts';
import type { Terminal } from './terminal.ts';

/** A signed-in way to a Signet. */
export interface Connection {
  /** Calls a service of the contract. */
  client<S extends DescService>(desc: S): Client<S>;
  /** Ends the session that was opened for it, if one was. */
  end(): Promise<void>;
}

/** Where to sign in, and as whom. */
export interface SignInOptions {
  /** Base URL of the edge. */
  readonly url: string;
  readonly environment: Environment;
  readonly identity: Identity;
}

/** Longest wait for an answer, ms: longer than the edge's own for a service. */
const patience = 20_000;

/** Who asks: a token that somebody has, a person, or a service. */
export type Identity =
  | { readonly token: string }
  | { readonly email: string; readonly password: string }
  | { readonly name: string; readonly key: Secret };

/** Signs in at the edge. */
export async function signIn({ url, environment, identity }: SignInOptions): Promise<Connection> {
  const open = transportTo(url);
  if ('token' in identity) return connection(transportTo(url, identity.token));
  if ('name' in identity) {
    const issuer = environment['SIGNET_ISSUER'] || url;
    return connection(transportTo(url, await createServiceIdentity({ ...identity, issuer, transport: open }).token()));
  }
  const auth = createClient(AuthService, open);
  const { accessToken = '', refreshToken = '' } = await auth.login({ ...identity, deviceLabel: 'signet command line' });
  return connection(transportTo(url, accessToken), async () => void (await auth.logout({ refreshToken })));
}

/**
 * Who asks, as the environment says: SIGNET_CLI_TOKEN, or SIGNET_CLI_EMAIL with
 * SIGNET_CLI_PASSWORD, or SIGNET_SERVICE_NAME with SIGNET_SERVICE_KEY; a person
 * at the terminal is asked for what is missing.
 */
export async function identify(environment: Environment, terminal: Terminal): Promise<Identity> {
  const given = (name: string) => environment[name] || undefined;
  const token = given('SIGNET_CLI_TOKEN');
  if (token !== undefined) return { token };
  const email = given('SIGNET_CLI_EMAIL');
  const name = given('SIGNET_SERVICE_NAME');
  if (email === undefined && name !== undefined) {
    const key = serviceKey.safeParse(given('SIGNET_SERVICE_KEY') ?? '');
    if (!key.success) throw misuse(`SIGNET_SERVICE_KEY ${key.error.issues[0]?.message ?? 'is not valid'}`);
    return { name, key: key.data };
  }
  const password = given('SIGNET_CLI_PASSWORD');
  if (!terminal.isThere && (email === undefined || password === undefined)) {
    throw misuse(
      'nobody is signed in: set SIGNET_CLI_EMAIL and SIGNET_CLI_PASSWORD, or SIGNET_CLI_TOKEN, ' +
        'or SIGNET_SERVICE_NAME and SIGNET_SERVICE_KEY.',
    );
  }
  return {
    email: email ?? (await terminal.ask('email: ')).trim(),
    password: password ?? (await terminal.askHidden('password: ')),
  };
}

function connection(transport: Transport, end: () => Promise<void> = async () => undefined): Connection {
  return { client: (desc) => createClient(desc, transport), end };
}

function transportTo(url: string, token?: string): Transport {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  return createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    defaultTimeoutMs: patience,
    interceptors: token === undefined ? [] : [authorize],
  });
}
