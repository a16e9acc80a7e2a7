import type { DeviceTokens, Source } from '../limits/public.ts';
import type { PasswordAuthenticator } from '../passwords/public.ts';
import type { Authentication, Sessions, SignedIn } from '../sessions/public.ts';
import { failure } from '../reasons.ts';

/** A request to sign in. */
export interface SignInAttempt {
  readonly email: string;
  readonly password: string;
  /** The client that asks for tokens. */
  readonly client: string;
  readonly source: Source;
  /** What the session is called in the user's list. */
  readonly label: string;
}

/**
 * A named check of a sign-in. It throws to refuse, or answers the authentication as it stands after it: a further factor
 * adds its method to `amr`.
 * @param proved the authentication after the checks before; undefined for the first
 */
export interface SignInCheck {
  readonly name: string;
  readonly check: (attempt: SignInAttempt, proved: Authentication | undefined) => Promise<Authentication>;
}

/** What a sign-in answers. */
export interface LoggedIn {
  readonly signedIn: SignedIn;
  /** Identifies the device at its next sign-in. */
  readonly deviceToken: string;
}

/** Signs people in. */
export interface SignIn {
  /** @throws what its checks throw; INVALID_CREDENTIALS where the account or its credentials changed meanwhile */
  login(attempt: SignInAttempt): Promise<LoggedIn>;
}

/** The check of the password. @throws as the authentication by password does */
export function passwordCheck(authenticator: PasswordAuthenticator): SignInCheck {
  return {
    name: 'password',
    check: ({ email, password, source }) => authenticator.authenticate(email, password, source),
  };
}

/**
 * Creates the sign-in: a session is opened once every check, in this order, has passed.
 * @throws Error without checks, or with two of one name
 */
export function createSignIn(deps: {
  readonly checks: readonly SignInCheck[];
  readonly sessions: Pick<Sessions, 'open'>;
  readonly devices: DeviceTokens;
}): SignIn {
  const { checks, sessions, devices } = deps;
  if (checks.length === 0) throw new Error('a sign-in without checks would admit every caller');
  if (new Set(checks.map(({ name }) => name)).size < checks.length) throw new Error('two checks have one name');

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
      // Who has passed the checks owns the device, whatever was reset before.
      return { signedIn, deviceToken: devices.issue(id, devices.verify(id, source.deviceToken, null)) };
    },
  };
}

function wrongAccount(name: string): Error {
  return failure('INTERNAL', { cause: new Error(`the check "${name}" proved another account than those before it`) });
}
