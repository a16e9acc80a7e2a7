import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import type { Environment } from '#kit/config/config.ts';
import { givenFor } from '#kit/config/secret-file.ts';
import { secret, serviceKey } from '#kit/config/types.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Secret } from '#kit/log/secret.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { misuse } from './failures.ts';
import type { Terminal } from './terminal.ts';

/** An authenticated connection to the edge. */
export interface Connection {
  /** Creates a client of a service. */
  client<S extends DescService>(desc: S): Client<S>;
  /** Ends the sessions that this connection opened. */
  end(): Promise<void>;
}

/** Where to sign in, and with which identity. */
export interface SignInOptions {
  /** Base URL of the edge. */
  readonly url: string;
  readonly environment: Environment;
  readonly identity: Identity;
  /** Gets credentials when a method requires a recent sign-in. Undefined: the call fails. */
  readonly reauthenticate: () => Promise<PersonIdentity | undefined>;
}

/** Label of the command line's sessions. */
const deviceLabel = 'signet command line';

/** Timeout of a call, ms; longer than the edge's timeout for a service. */
const timeout = 20_000;

/** The caller's identity: an access token, a person, or a service. */
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

/** Signs a person in and returns the access token. The session stays open. */
export async function accessTokenOf(url: string, person: PersonIdentity): Promise<string> {
  const auth = createClient(AuthService, transportTo(url));
  return (await auth.login({ ...person, deviceLabel })).accessToken ?? '';
}

/** Signs in at the edge. If a method requires a more recent sign-in, signs in again and repeats the call once. */
export async function signIn({ url, environment, identity, reauthenticate }: SignInOptions): Promise<Connection> {
  const open = transportTo(url);
  const auth = createClient(AuthService, open);
  const refreshTokens: string[] = [];
  let token: string;

  async function logIn(person: PersonIdentity): Promise<string> {
    const { accessToken = '', refreshToken = '' } = await auth.login({ ...person, deviceLabel });
    refreshTokens.push(refreshToken);
    return accessToken;
  }

  function tokenOfService(service: ServiceIdentity): Promise<string> {
    const issuer = environment['SIGNET_ISSUER'] || url;
    return createServiceIdentity({ ...service, issuer, transport: open }).token();
  }

  /** Gets a token by signing in again. Undefined without credentials. @throws CommandFailure if it belongs to another account */
  async function renewToken(): Promise<string | undefined> {
    // A service authenticates for each token.
    if ('name' in identity) return tokenOfService(identity);
    const person = await reauthenticate();
    if (!person) return undefined;
    const renewed = await logIn(person);
    if (claimOf(renewed, 'sub') !== claimOf(token, 'sub')) {
      throw misuse(`SIGNET_CLI_TOKEN does not belong to ${person.email}.`);
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
      const renewed = await renewToken();
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
 * Reads the caller's identity from the environment: SIGNET_CLI_TOKEN, or
 * SIGNET_CLI_EMAIL with SIGNET_CLI_PASSWORD, or SIGNET_SERVICE_NAME with
 * SIGNET_SERVICE_KEY. Prompts for missing credentials on a terminal.
 * @throws CommandFailure without credentials and terminal
 */
export async function identify(environment: Environment, terminal: Terminal): Promise<Identity> {
  const given = (name: string) => credential(environment, name);
  const token = given('SIGNET_CLI_TOKEN');
  if (token !== undefined) return { token };
  const email = given('SIGNET_CLI_EMAIL');
  const name = given('SIGNET_SERVICE_NAME');
  if (email === undefined && name !== undefined) {
    const key = serviceKey.safeParse(given('SIGNET_SERVICE_KEY') ?? '');
    if (!key.success) throw misuse(`SIGNET_SERVICE_KEY ${key.error.issues[0]?.message ?? 'is invalid'}`);
    return { name, key: key.data };
  }
  const password = given('SIGNET_CLI_PASSWORD');
  if (!terminal.isInteractive && (email === undefined || password === undefined)) {
    throw misuse(
      'no credentials: set SIGNET_CLI_EMAIL and SIGNET_CLI_PASSWORD, or SIGNET_CLI_TOKEN, ' +
        'or SIGNET_SERVICE_NAME and SIGNET_SERVICE_KEY.',
    );
  }
  return {
    email: email ?? (await terminal.ask('email: ')).trim(),
    password: password ?? (await terminal.askHidden('password: ')),
  };
}

/**
 * Gets the credentials for a recent sign-in: SIGNET_CLI_PASSWORD, or a password prompt. Undefined for a service, and
 * without a password if no terminal is attached.
 */
export async function promptForReauthentication(
  environment: Environment,
  terminal: Terminal,
  identity: Identity,
): Promise<PersonIdentity | undefined> {
  if ('name' in identity) return undefined;
  const given = credential(environment, 'SIGNET_CLI_PASSWORD');
  if (given === undefined && !terminal.isInteractive) return undefined;
  const known = 'email' in identity ? identity.email : environment['SIGNET_CLI_EMAIL'] || emailOf(identity.token);
  const email = known ?? (terminal.isInteractive ? (await terminal.ask('email: ')).trim() : undefined);
  if (email === undefined) return undefined;
  const password = given ?? (await terminal.askHidden(`recent sign-in required; password of ${email}: `));
  return { email, password };
}

/** The text of a variable or of the file of its `_FILE` twin. @throws CommandFailure if the file cannot be read */
function credential(environment: Environment, env: string): string | undefined {
  const { text, problem } = givenFor({ env, schema: secret }, environment);
  if (problem !== undefined) throw misuse(`${env} ${problem}`);
  return text;
}

/** The email in an access token, shown in the password prompt. */
function emailOf(token: string): string | undefined {
  const email = claimOf(token, 'email');
  return email !== undefined && /^[^\s\p{Cc}]+$/u.test(email) ? email : undefined;
}

/** A string claim of an access token. The token is not verified. */
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
  return createConnectTransport({ baseUrl: url, httpVersion: '1.1', defaultTimeoutMs: timeout, interceptors });
}
