import { createHash, randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { Log } from '#kit/log/log.ts';
import type { Actor } from '../audit/public.ts';
import type { User } from '../users/public.ts';
import { failure } from '../reasons.ts';

/** Purpose of a link. */
export type LinkPurpose = 'password_reset' | 'email_verification';

/** A link whose token was issued. */
export interface IssuedLink {
  readonly user: User;
  readonly expiresAt: Date;
  /** Address of the client that requested the link; empty if unknown. */
  readonly requestedFrom: string;
}

/** Persistence port for links. It stores only hashes of their tokens. */
export interface LinkStore {
  /**
   * Inserts a link for the account of an email, with its event; returns whether it did. It does not if no account exists,
   * or for `email_verification` if the email is verified. Earlier links stay valid, because the requester may be a stranger.
   */
  insert(purpose: LinkPurpose, email: string, by: Actor): Promise<boolean>;
  /** Sets the token of a link; undefined if the link was used or has expired, or its account's email has changed. */
  issue(linkId: string, tokenHash: Uint8Array<ArrayBuffer>): Promise<IssuedLink | undefined>;
  /** The account of a valid link. */
  find(purpose: LinkPurpose, token: string): Promise<User | undefined>;
}

/** Requests links and issues their tokens. */
export interface Links {
  /** Requests a link in the background, so that the response time does not reveal whether an account exists. */
  request(purpose: LinkPurpose, email: string, by: Actor): void;
  /** Resolves when all requested links are stored. */
  idle(): Promise<void>;
  /** Issues the token of a link, which makes an earlier token of it invalid. @throws NOT_FOUND */
  issue(linkId: string): Promise<IssuedLink & { readonly token: string }>;
}

/** Maximum concurrent and queued requests. */
const [maxRunning, maxQueued] = [2, 1_000];

/**
 * Creates the links.
 * @param background runs a function outside the call, whose deadline does not apply to it
 */
export function createLinks(deps: {
  readonly store: LinkStore;
  readonly log: Log;
  readonly background: <T>(run: () => Promise<T>) => Promise<T>;
}): Links {
  const { store, log, background } = deps;
  const limit = pLimit(maxRunning);
  const pending = new Set<Promise<unknown>>();
  return {
    request(purpose, email, by) {
      if (limit.pendingCount >= maxQueued) return log.warn({ purpose }, 'too many requested links; dropped one');
      const storing = background(() => limit(() => store.insert(purpose, email, by)))
        .catch((error: unknown) => log.error({ err: error, purpose }, 'failed to store a requested link'))
        .finally(() => pending.delete(storing));
      pending.add(storing);
    },
    async idle() {
      await Promise.all(pending);
    },
    async issue(linkId) {
      const token = randomBytes(32).toString('base64url');
      const issued = await store.issue(linkId, hashOfLink(token));
      if (!issued) throw failure('NOT_FOUND');
      return { ...issued, token };
    },
  };
}

/** The stored hash of a link's token. */
export function hashOfLink(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest());
}
