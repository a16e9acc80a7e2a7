/** Kinds of notifications, in the order of their preferences, with what is fixed for each. */
export const kinds = {
  welcome: {},
  email_verification: { security: true },
  password_reset: { security: true },
  password_changed: { security: true },
  new_sign_in: { security: true },
  refresh_reuse: { security: true },
  mfa_changed: { security: true },
  order_confirmed: {},
  order_cancelled: {},
  order_shipped: {},
  order_delivered: {},
  order_refunded: {},
  payment_failed: {},
  ride_accepted: {},
  ride_completed: {},
  ride_cancelled: {},
  ride_expired: {},
} as const satisfies Readonly<Record<string, { readonly security?: true }>>;

/** A kind of notification. */
export type Kind = keyof typeof kinds;

/** All kinds, in the order of their preferences. */
export const kindNames = Object.keys(kinds) as readonly Kind[];

/** Whether a text is a kind. */
export function isKind(text: string): text is Kind {
  return Object.hasOwn(kinds, text);
}

/** Whether a kind is about the security of the account: it is always sent by mail, and never as a text message. */
export function isSecurity(kind: Kind): boolean {
  return 'security' in kinds[kind];
}
