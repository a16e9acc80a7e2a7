import type { Actor } from '../../audit/public.ts';

/** Where a request comes from, as far as it says. */
export interface Source extends Actor {
  /** A device token that came along. Not verified. */
  readonly deviceToken?: string | undefined;
  /** Aborted when the caller stops waiting. */
  readonly signal?: AbortSignal | undefined;
}
