import type { Ground } from '../ground.ts';
import type { DeviceTokens } from '../limits/public.ts';
import type { PasswordAuthenticator } from '../passwords/public.ts';
import type { Sessions, Tokens } from '../sessions/public.ts';
import { signInHandler } from './handler.ts';
import { createSignIn, passwordCheck } from './rules.ts';

/** Builds the room `sign-in`. */
export function buildSignIn(
  { cookies }: Ground,
  deps: {
    readonly authenticator: PasswordAuthenticator;
    readonly devices: DeviceTokens;
    readonly sessions: Sessions;
    readonly tokens: Tokens;
  },
) {
  const checks = [passwordCheck(deps.authenticator)];
  const signIn = createSignIn({ ...deps, checks });
  return { methods: signInHandler({ signIn, tokens: deps.tokens, cookies }) };
}
