import type { Log } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { Work } from '#kit/work/work.ts';
import { openLedger } from './clients/sandbox/ledger.ts';
import { createSandbox } from './clients/sandbox/sandbox.ts';
import { createWebhooks, type Deliver } from './clients/sandbox/webhooks.ts';
import type { Provider } from './domain/provider.ts';

/** An opened provider. */
export interface OpenProvider {
  readonly provider: Provider;
  readonly work: readonly Work[];
}

/** What a provider is opened with. */
export interface ProviderDeps {
  readonly db: Transactional;
  /** Whether it may create tables. */
  readonly mayCreate: boolean;
  /** Timeout of a call, ms. */
  readonly timeout: number;
  readonly isProduction: boolean;
  readonly log: Log;
  /** Receives webhooks. A provider with a public webhook address has a method for them instead. */
  readonly deliver: Deliver;
}

/** The providers by their names in SIGNET_PAYMENT_PROVIDER. docs/payments.md describes how to add one. */
export const providers = {
  async sandbox({ db, mayCreate, timeout, isProduction, log, deliver }) {
    if (isProduction) log.warn('SIGNET_PAYMENT_PROVIDER is sandbox: payments succeed without moving money');
    const webhooks = createWebhooks(deliver);
    const provider = createSandbox({ ledger: await openLedger(db, mayCreate), webhooks, timeout });
    return { provider, work: [webhooks.work] };
  },
} as const satisfies Record<string, (deps: ProviderDeps) => Promise<OpenProvider>>;
