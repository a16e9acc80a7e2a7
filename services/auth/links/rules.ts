import { createHash } from 'node:crypto';
import type { Actor } from '../audit/public.ts';
import type { User } from '../users/public.ts';

/** Purpose of a link. */
export type LinkPurpose = 'password_reset' | 'email_verification';

/** Persistence port for links. It stores only hashes of their tokens. */
export interface LinkStore {
  /**
   * Inserts a link for the account of an email and returns the account; undefined if no account exists, or for
   * `email_verification` if the email is verified. Earlier links stay valid, because the requester may be a stranger.
   */
  insert(purpose: LinkPurpose, email: string, tokenHash: Uint8Array<ArrayBuffer>, by: Actor): Promise<User | undefined>;
  /** The account of a valid link. */
  find(purpose: LinkPurpose, token: string): Promise<User | undefined>;
}

/** Sends a mail. */
export type SendMail = (mail: {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}) => Promise<void>;

/** Sends links. */
export interface LinkMailer {
  /** Sends a link in the background, so that the response time does not reveal whether an account exists. */
  later(purpose: LinkPurpose, email: string, by: Actor): void;
  /** Resolves when all mails are sent. */
  idle(): Promise<void>;
}

/** The stored hash of a link's token. */
export function hashOfLink(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest());
}
