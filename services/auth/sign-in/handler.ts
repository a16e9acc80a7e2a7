import type { ServiceImpl } from '@connectrpc/connect';
import type { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import type { CookieNames } from '#kit/browser/cookies.ts';
import { currentCall } from '#kit/call/call.ts';
import { setDeviceCookie, sourceOf } from '../limits/public.ts';
import { ownClient, setTokenCookies, type Tokens, toTokenResponse } from '../sessions/public.ts';
import type { SignIn } from './rules.ts';

/** Implements AuthService.Login. */
export function signInHandler(deps: {
  readonly signIn: SignIn;
  readonly tokens: Tokens;
  readonly cookies: CookieNames;
}): Pick<ServiceImpl<typeof AuthService>, 'login'> {
  const { signIn, tokens, cookies } = deps;
  return {
    async login({ email, password, transport, deviceLabel, deviceToken: presentedDevice }, context) {
      const source = sourceOf(context.requestHeader, cookies, presentedDevice);
      const label = deviceLabel ?? labelOf(currentCall()?.agent ?? '');
      const { signedIn, deviceToken } = await signIn.login({ email, password, client: ownClient, source, label });
      const byCookie = transport === 'cookie';
      const issued = await tokens.issue(signedIn);
      if (byCookie) {
        setTokenCookies(context.responseHeader, cookies, issued);
        setDeviceCookie(context.responseHeader, cookies, deviceToken);
      }
      return toTokenResponse(signedIn.user, issued, byCookie, deviceToken);
    },
  };
}

/** Default label of a session: its User-Agent. */
function labelOf(agent: string): string {
  return agent.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 100);
}
