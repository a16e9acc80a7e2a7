import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import type { Environment } from '#kit/config/config.ts';
import { serviceKey } from '#kit/config/types.ts';
import { reasonOf } from '#kit/errors/failure.ts';
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
  /** Asks for the credentials again, where a method needs a recent sign-in. Undefined: the refusal stands. */
  readonly again: () => Promise<PersonIdentity | undefined>;
}

/** Longest wait for an answer, ms: longer than the edge's own for a service. */
const patience = 20_000;

/** Who asks: a token that somebody has, a person, or a service. */
export type Identity = { readonly token: string } | PersonIdentity | ServiceIdentity;

/** A service's name and private key. */
export interface ServiceIdentity {
  readonly name: string;
  readonly key: Secret;
}

/** A person's credentials. */
export interface PersonIdentity {
  readonly email: string;
  readonly password: string;
}

/** Signs in at the edge. Where a method needs a more recent sign-in, signs in again and repeats the call once. */
export async function signIn({ url, environment, identity, again }: SignInOptions): Promise<Connection> {
  const open = transportTo(url);
  const auth = createClient(AuthService, open);
  const refreshTokens: string[] = [];
  let token: string;

  async function logIn(person: PersonIdentity): Promise<string> {
    const { accessToken = '', refreshToken = '' } = await auth.login({ ...person, deviceLabel: 'signet command line' });
    refreshTokens.push(refreshToken);
    return accessToken;
  }

  function tokenOfService(service: ServiceIdentity): Promise<string> {
    const issuer = environment['SIGNET_ISSUER'] || url;
    return createServiceIdentity({ ...service, issuer, transport: open }).token();
  }

  /** Gets a token by signing in again. Undefined without credentials. @throws CommandFailure if it belongs to another account */
  async function tokenAnew(): Promise<string | undefined> {
    // A service proves who it is for each token.
    if ('name' in identity) return tokenOfService(identity);
    const person = await again();
    if (!person) return undefined;
    const renewed = await logIn(person);
    if (claimOf(renewed, 'sub') !== claimOf(token, 'sub')) {
      throw misuse(`SIGNET_CLI_TOKEN belongs to another account than ${person.email}.`);
    }
    return renewed;
  }

  if ('token' in identity) ({ token } = identity);
  else token = await ('name' in identity ? tokenOfService(identity) : logIn(identity));

  const authorize: Interceptor = (next) => async (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      if (reasonOf(error) !== 'REAUTHENTICATION_REQUIRED') throw error;
      const renewed = await tokenAnew();
      if (renewed === undefined) throw error;
      token = renewed;
      request.header.set('authorization', `Bearer ${token}`);
      return next(request);
    }
  };
  const transport = transportTo(url, [authorize]);
  return {
    client: (desc) => createClient(desc, transport),
    async end() {
      await Promise.all(refreshTokens.splice(0).map((refreshToken) => auth.logout({ refreshToken })));
    },
  };
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

/**
 * The credentials for a more recent sign-in: SIGNET_CLI_PASSWORD, or the password that the person at the terminal types
 * again. Undefined for a service, and where no terminal is attached.
 */
export async function identifyAgain(
  environment: Environment,
  terminal: Terminal,
  identity: Identity,
): Promise<PersonIdentity | undefined> {
  if ('name' in identity) return undefined;
  const given = environment['SIGNET_CLI_PASSWORD'] || undefined;
  if (given === undefined && !terminal.isThere) return undefined;
  const known = 'email' in identity ? identity.email : environment['SIGNET_CLI_EMAIL'] || emailOf(identity.token);
  const email = known ?? (terminal.isThere ? (await terminal.ask('email: ')).trim() : undefined);
  if (email === undefined) return undefined;
  const password = given ?? (await terminal.askHidden(`this needs a recent sign-in; password of ${email}: `));
  return { email, password };
}

/** The email in an access token, to ask for its owner's password by. */
function emailOf(token: string): string | undefined {
  const email = claimOf(token, 'email');
  return email !== undefined && /^[^\s\p{Cc}]+$/u.test(email) ? email : undefined;
}

/** A text among the claims of an access token, which nothing has verified. */
function claimOf(token: string, name: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const value = typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function transportTo(url: string, interceptors: Interceptor[] = []): Transport {
  return createConnectTransport({ baseUrl: url, httpVersion: '1.1', defaultTimeoutMs: patience, interceptors });
}
