import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { fleetAudienceOf } from '#kit/guard/verifier.ts';
import { mount } from '#kit/call/app.ts';
import { sweeping } from '#kit/work/sweep.ts';
import type { Ground } from '../ground.ts';
import { serviceTokenHandler } from './handler.ts';
import { createServiceTokens } from './rules.ts';
import { createAssertionStore, expiredAssertions } from './store.ts';

/** Builds the room `service-identity`: service tokens. */
export function buildServiceIdentity(
  { config, statements, clock, log }: Ground,
  deps: Pick<Parameters<typeof createServiceTokens>[0], 'services' | 'signer'>,
) {
  const { issuer, audience, accessTtl } = config;
  const store = createAssertionStore(statements);
  const tokens = createServiceTokens({
    ...deps,
    store,
    issuer,
    audience,
    fleetAudience: fleetAudienceOf(audience),
    accessTtl,
    now: clock.now,
    onSkew(service, seconds) {
      log.warn(
        { client: service, clock_skew: seconds },
        `the clock of ${service} is about ${Math.abs(Math.round(seconds))} s ${seconds > 0 ? 'ahead of' : 'behind'} the database's; synchronize both (NTP)`,
      );
    },
  });
  return {
    mounted: [mount(ServiceTokenService, serviceTokenHandler(tokens))],
    work: [sweeping(statements, 'auth', 'assertions', expiredAssertions)],
  };
}
