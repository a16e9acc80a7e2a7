/** Result of a process's start. */
export interface Started extends Ready {
  /** Resolves once the process can work, if that depends on other services. */
  readonly serving?: Promise<unknown>;
}

/** Messages of a process to its supervisor: first that it has started, then that it can work. */
export type Message = { readonly ready: Ready } | { readonly serving: true };

/** A start, as reported to a supervisor. */
export interface Ready {
  /** The open ports, by configuration key. */
  readonly ports: Readonly<Record<string, number>>;
  /** The first admin if it was just created, to be shown once. */
  readonly firstAdmin?: { readonly email: string; readonly password: string | undefined };
}

/** Environment variable that a supervisor sets. It implies an IPC channel. */
export const supervised = 'SIGNET_SUPERVISED';

/**
 * Returns whether a supervisor started this process (services/fleet/child.ts). The
 * supervisor reads `.env` and passes each process its own keys, and prints messages
 * for people. When it ends, the process ends too.
 */
export function isSupervised(): boolean {
  return process.env[supervised] === '1';
}
