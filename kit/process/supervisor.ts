/** What a process says once it has started. */
export interface Started extends Ready {
  /** Resolves once it can work, where that depends on others. */
  readonly serving?: Promise<unknown>;
}

/** What a process tells whoever supervises it: once that it has started, then that it can work. */
export type Message = { readonly ready: Ready } | { readonly serving: true };

/** What a supervisor hears of a start. */
export interface Ready {
  /** The ports that it opened, by the key that sets each. */
  readonly ports: Readonly<Record<string, number>>;
  /** The first admin, if it has just been made: to be shown once. */
  readonly firstAdmin?: { readonly email: string; readonly password: string | undefined };
}

/** The variable by which a supervisor says that it is one, and that there is a channel to it. */
export const supervised = 'SIGNET_SUPERVISED';

/**
 * Tells whether a supervisor started this process (services/fleet/child.ts). It
 * has read `.env`, and gives us what is ours; it shows what a person should see;
 * and when it is gone, so are we.
 */
export function isSupervised(): boolean {
  return process.env[supervised] === '1';
}
