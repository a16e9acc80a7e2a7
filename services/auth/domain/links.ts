import { createHash, randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { Log } from '#kit/log/log.ts';
import { currentCall, outsideCalls, runInCall } from '#kit/rpc/call.ts';
import type { User } from './model.ts';

/** What a link is good for. */
export type LinkPurpose = 'password_reset' | 'email_verification';

/** Links, kept: of their tokens nothing but the hash. */
export interface LinkStore {
  /**
   * Keeps a link to an account's address, in the place of those of the same purpose before it, if there is such an
   * account; answers it. For `email_verification` only where the address is not verified yet.
   */
  insert(purpose: LinkPurpose, email: string, tokenHash: Uint8Array<ArrayBuffer>): Promise<User | undefined>;
  /** Whose link it is, if it is good. */
  find(purpose: LinkPurpose, token: string): Promise<User | undefined>;
  /** Uses a link: sets the password, ends every session. False where it is not good any more. */
  resetPassword(token: string, passwordHash: string): Promise<boolean>;
  /** Uses a link: the address is verified. False where it is not good any more. */
  verifyEmail(token: string): Promise<boolean>;
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
  later(purpose: LinkPurpose, email: string): void;
  /** Resolves once all has been sent. */
  idle(): Promise<void>;
}

/** The hash under which a link's token is kept. */
export function hashOfLink(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest());
}

/** Mails that are sent at once, and that may wait. */
const [atOnce, mostWaiting] = [2, 1_000];

/** Makes the sender of links. Their address comes from configuration and never from a request. */
export function createLinkMailer(deps: {
  readonly store: LinkStore;
  readonly send: SendMail;
  /** Where the pages are that links lead to. */
  readonly baseUrl: string;
  readonly log: Log;
}): LinkMailer {
  const { store, send, baseUrl, log } = deps;
  const limit = pLimit(atOnce);
  const underWay = new Set<Promise<void>>();

  async function mail(purpose: LinkPurpose, email: string): Promise<void> {
    const token = randomBytes(32).toString('base64url');
    const user = await store.insert(purpose, email, hashOfLink(token));
    if (!user) return;
    const { path, subject, text } = texts[purpose];
    // Behind the #: browsers send that to nobody, so it is in no log and no Referer.
    const link = `${baseUrl}/${path}#token=${token}`;
    await send({ to: user.email, subject, text: `Hello ${user.name},\n\n${text}\n\n${link}\n` });
  }

  return {
    later(purpose, email) {
      if (limit.pendingCount >= mostWaiting) return log.warn({ purpose }, 'too many mails wait; one was not sent');
      const call = currentCall();
      // The audit event names the request; its deadline is not the mail's.
      const inCall = () => (call ? runInCall(call, () => mail(purpose, email)) : mail(purpose, email));
      const sending = outsideCalls(() => limit(inCall)).catch((error: unknown) =>
        log.error({ err: error, purpose }, 'a mail could not be sent'),
      );
      underWay.add(sending);
      void sending.finally(() => underWay.delete(sending));
    },
    async idle() {
      await Promise.all(underWay);
    },
  };
}

const texts: Readonly<Record<LinkPurpose, { path: string; subject: string; text: string }>> = {
  password_reset: {
    path: 'reset-password',
    subject: 'Set a new password',
    text:
      'Somebody, you most likely, asked to set a new password for your account. This link does it, once, ' +
      'within 30 minutes. If it was not you, do nothing: your password stays as it is.',
  },
  email_verification: {
    path: 'verify-email',
    subject: 'Verify your address',
    text: 'This link verifies that this address is yours. It is good once, within 30 minutes.',
  },
};
