import { sweeping } from '#kit/work/sweep.ts';
import { insertAudit } from '../audit/public.ts';
import type { Ground } from '../ground.ts';
import type { Macs } from '../secrets/public.ts';
import { createDeviceTokens } from './rules/device-token.ts';
import { createLimits } from './rules/limits.ts';
import { createAttemptStore, expiredAttempts } from './store.ts';

/** Builds the room `limits`: limits on sign-in attempts and mails, and device tokens. */
export function buildLimits({ config, statements, clock }: Ground, macs: Macs) {
  const store = createAttemptStore(statements);
  const limits = createLimits({
    store,
    account: config.loginLimit,
    network: config.loginLimitAddress,
    async onLimited(budget, by) {
      await insertAudit(statements, {
        kind: 'login',
        outcome: 'limited',
        actor: { ...by, id: '' },
        details: { budget },
      });
    },
  });
  return {
    limits,
    devices: createDeviceTokens(macs, clock.now),
    work: [sweeping(statements, 'auth', 'attempts', expiredAttempts)],
  };
}
