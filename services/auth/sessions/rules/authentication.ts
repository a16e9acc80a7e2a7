import type { User } from '../../users/public.ts';

/** The result of an authentication by any method. A session is opened from it. */
export interface Authentication {
  readonly account: User;
  /** Authentication method references (RFC 8176). */
  readonly amr: readonly string[];
  /** Time of the authentication by the database's clock; becomes the session's `auth_time`. */
  readonly authTime: Date;
  /** Version of the account's credentials. If it has changed, no session can be opened. */
  readonly credentialsVersion: number;
  /** Whether the account knows the device or the network. */
  readonly isKnownPlace: boolean;
}
