import type { User } from '../../users/public.ts';

/** The result of an authentication, by whichever method: a session is opened from it. */
export interface Authentication {
  readonly account: User;
  /** The methods that were used: authentication method references (RFC 8176). */
  readonly amr: readonly string[];
  /** The time of the authentication by the database's clock: the session's `auth_time`. */
  readonly authTime: Date;
  /** The version of the account's credentials that were used. After they change, no session is opened from it. */
  readonly credentialsVersion: number;
}
