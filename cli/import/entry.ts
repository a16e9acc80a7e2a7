import type { ImportedUser } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';

/** An account that is not sent to the server. */
export interface LeftOut {
  /** Where it stands in the file: `line 3`, `users[3]`, `record 3`. */
  readonly place: string;
  /** rejected: an account that cannot be imported. skipped: no person's account, or a deleted one. */
  readonly outcome: 'rejected' | 'skipped';
  /** A code for programs: EMAIL_MISSING, HASH_MALFORMED, ... */
  readonly reason: string;
  /** Never quotes the file. */
  readonly description: string;
  /** The email; empty if it is missing or invalid. */
  readonly email: string;
}

/** What a file has at one place: an account to import, or one that is left out. */
export type Entry = { readonly place: string; readonly user: ImportedUser } | LeftOut;

/** Creates an entry that is rejected. */
export function rejected(place: string, reason: string, description: string, email = ''): LeftOut {
  return { place, outcome: 'rejected', reason, description, email };
}

/** Creates an entry that is skipped. */
export function skipped(place: string, reason: string, description: string, email = ''): LeftOut {
  return { place, outcome: 'skipped', reason, description, email };
}
