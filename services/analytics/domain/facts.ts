import type { Amount } from '#kit/money/money.ts';

/** What a fact is about. `capture` and `refund` have an amount; the others are counted. */
export type FactKind = 'signup' | 'login' | 'order' | 'ride' | 'capture' | 'refund';

/** What happened in another service, from its event. */
export interface Fact {
  /** Id of the event. */
  readonly id: string;
  readonly kind: FactKind;
  readonly at: Date;
  /** The user who was active by it. Undefined where it does not count as activity. */
  readonly userId?: string;
  /** Negative for a refund. */
  readonly amount?: Amount;
}
