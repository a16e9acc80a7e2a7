import type { DeviceTokens, Source } from '../limits/public.ts';
import type { PasswordAuthenticator } from '../passwords/public.ts';
import type { Authentication, Sessions, SignedIn } from '../sessions/public.ts';
import { failure } from '../reasons.ts';

/** A request to sign in. */
export interface SignInAttempt {
  readonly email: string;
  readonly password: string;
  /** The client that requests tokens. */
  readonly client: string;
  readonly source: Source;
  /** Label in the user's list of sessions. */
  readonly label: string;
}

/**
 * A named check of a sign-in. It throws, or returns the updated authentication: a second factor adds its method to
 * `amr`. `proved` is the authentication after the previous checks; undefined for the first check.
 */
export interface SignInCheck {
  readonly name: string;
  readonly check: (attempt: SignInAttempt, proved: Authentication | undefined) => Promise<Authentication>;
}

/** Result of a sign-in. */
export interface LoggedIn {
  readonly signedIn: SignedIn;
  /** Identifies the device at its next sign-in. */
  readonly deviceToken: string;
}

/** Signs users in. */
export interface SignIn {
  /** @throws the errors of its checks; INVALID_CREDENTIALS if the account or its credentials changed meanwhile */
  login(attempt: SignInAttempt): Promise<LoggedIn>;
}

/** The password check. @throws the errors of PasswordAuthenticator */
export function passwordCheck(authenticator: PasswordAuthenticator): SignInCheck {
  return {
    name: 'password',
    check: ({ email, password, source }) => authenticator.authenticate(email, password, source),
  };
}

/**
 * Creates the sign-in, which opens a session after all checks have passed in order.
 * @throws Error without checks, or with two checks of the same name
 */
export function createSignIn(deps: {
  readonly checks: readonly SignInCheck[];
  readonly sessions: Pick<Sessions, 'open'>;
  readonly devices: DeviceTokens;
}): SignIn {
  const { checks, sessions, devices } = deps;
  if (checks.length === 0) throw new Error('a sign-in without checks would admit every caller');
  if (new Set(checks.map(({ name }) => name)).size < checks.length) throw new Error('two checks have the same name');

  async function authenticate(attempt: SignInAttempt): Promise<Authentication> {
    let proved: Authentication | undefined;
    for (const { name, check } of checks) {
      const next = await check(attempt, proved);
      if (proved && next.account.id !== proved.account.id) throw wrongAccount(name);
      proved = next;
    }
    if (!proved) throw failure('INVALID_CREDENTIALS');
    return proved;
  }

  return {
    async login(attempt) {
      const { client, source, label } = attempt;
      const authentication = await authenticate(attempt);
      const signedIn = await sessions.open(authentication, { client, device: { label } }, source);
      const { id } = authentication.account;
      // The user has authenticated, so a device token from before a password reset counts as well.
      return { signedIn, deviceToken: devices.issue(id, devices.verify(id, source.deviceToken, null)) };
    },
  };
}

function wrongAccount(name: string): Error {
  return failure('INTERNAL', {
    cause: new Error(`the check "${name}" authenticated another account than the previous checks`),
  });
}
