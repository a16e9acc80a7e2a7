import { SessionService } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import type { Guard } from '#kit/guard/guard.ts';
import { mount } from '#kit/call/app.ts';
import { sweeping } from '#kit/work/sweep.ts';
import type { Ground } from '../ground.ts';
import type { Signer } from '../keys/public.ts';
import type { Macs } from '../secrets/public.ts';
import { tokenHandler } from './handler/auth.ts';
import { sessionHandler } from './handler/sessions.ts';
import { createSessions } from './rules/sessions.ts';
import { createTokens } from './rules/tokens.ts';
import { createSessionStore } from './store/sessions.ts';
import { endedSessions } from './store/sweep.ts';

/** Builds the room `sessions`: sessions and their tokens. */
export function buildSessions(
  { config, statements, cookies }: Ground,
  deps: { readonly macs: Macs; readonly signer: () => Signer; readonly verify: Guard['verify'] },
) {
  const { macs, signer, verify } = deps;
  const { issuer, audience, accessTtl } = config;
  const store = createSessionStore(statements, {
    limit: config.sessionLimit,
    idle: config.sessionIdle,
    max: config.sessionMax,
    grace: config.refreshGrace,
    replay: config.refreshReplay,
  });
  const tokens = createTokens({ signer, macs, issuer, audience, accessTtl });
  const sessions = createSessions({ store, macs });
  return {
    sessions,
    tokens,
    methods: tokenHandler({ sessions, tokens, verify, cookies }),
    mounted: [mount(SessionService, sessionHandler(sessions))],
    work: [sweeping(statements, 'auth', 'sessions', endedSessions)],
  };
}
