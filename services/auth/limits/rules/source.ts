import type { Actor } from '../../audit/public.ts';

/** The source of a request. */
export interface Source extends Actor {
  /** The request's device token, not verified. */
  readonly deviceToken?: string | undefined;
  /** Aborted when the caller stops waiting. */
  readonly signal?: AbortSignal | undefined;
}
