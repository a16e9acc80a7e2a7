import type { Facts } from './inbox.ts';
import type { Kind } from './kinds.ts';

/** What a user is notified of, made from an event. */
export interface Notice {
  readonly userId: string;
  readonly kind: Kind;
  readonly data: Facts;
  /** Id of the link that its mail contains, if any. */
  readonly linkId?: string;
}
