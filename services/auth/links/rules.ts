import { createHash } from 'node:crypto';
import type { Actor } from '../audit/public.ts';
import type { User } from '../users/public.ts';

/** What a link is good for. */
export type LinkPurpose = 'password_reset' | 'email_verification';

/** Links, kept: of their tokens nothing but the hash. */
export interface LinkStore {
  /**
   * Keeps a link to an account's address, if there is such an account; answers it. For `email_verification` only
   * where the address is not verified yet. Links before it stay good: whoever asks for another one may be a stranger.
   */
  insert(purpose: LinkPurpose, email: string, tokenHash: Uint8Array<ArrayBuffer>, by: Actor): Promise<User | undefined>;
  /** Whose link it is, if it is good. */
  find(purpose: LinkPurpose, token: string): Promise<User | undefined>;
}

/** Sends somebody a message. */
export type SendMail = (mail: {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}) => Promise<void>;

/** Sends links. */
export interface LinkMailer {
  /** Sends a link in the background, so that the time an answer takes does not tell whether there is an account. */
  later(purpose: LinkPurpose, email: string, by: Actor): void;
  /** Resolves once all has been sent. */
  idle(): Promise<void>;
}

/** The hash under which a link's token is kept. */
export function hashOfLink(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest());
}
