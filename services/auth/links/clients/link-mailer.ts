import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { Log } from '#kit/log/log.ts';
import { outsideCalls } from '#kit/call/call.ts';
import type { Actor } from '../../audit/public.ts';
import { hashOfLink, type LinkMailer, type LinkPurpose, type LinkStore, type SendMail } from '../rules.ts';

/** Maximum concurrent and queued mails. */
const [maxSending, maxQueued] = [2, 1_000];

/** Creates the link mailer. The links' base URL comes from the configuration, never from a request. */
export function createLinkMailer(deps: {
  readonly store: LinkStore;
  readonly send: SendMail;
  /** Base URL of the pages to which links point. */
  readonly baseUrl: string;
  readonly log: Log;
}): LinkMailer {
  const { store, send, baseUrl, log } = deps;
  const limit = pLimit(maxSending);
  const pending = new Set<Promise<void>>();

  async function mail(purpose: LinkPurpose, email: string, by: Actor): Promise<void> {
    const token = randomBytes(32).toString('base64url');
    const user = await store.insert(purpose, email, hashOfLink(token), by);
    if (!user) return;
    const { path, subject, text } = texts[purpose];
    // Only the address: a User-Agent would be text chosen by the requester.
    const address = by.ip || 'unknown';
    // Browsers do not send the fragment, so the token is in no log and no Referer.
    const link = `${baseUrl}/${path}#token=${token}`;
    // The name of an unverified account may have been chosen by a stranger.
    const greeting = user.verifiedAt ? `Hello ${user.name},` : 'Hello,';
    await send({ to: user.email, subject, text: `${greeting}\n\n${text(address, baseUrl)}\n\n${link}\n` });
  }

  return {
    later(purpose, email, by) {
      if (limit.pendingCount >= maxQueued) return log.warn({ purpose }, 'mail queue is full; dropped a mail');
      // The call's deadline does not apply to the mail.
      const sending = outsideCalls(() => limit(() => mail(purpose, email, by)))
        .catch((error: unknown) => log.error({ err: error, purpose }, 'failed to send a mail'))
        .finally(() => pending.delete(sending));
      pending.add(sending);
    },
    async idle() {
      await Promise.all(pending);
    },
  };
}

interface LinkMail {
  readonly path: string;
  readonly subject: string;
  /** Text before the link: the requester's address, the effect of the link, and what to do about an unwanted mail. */
  readonly text: (address: string, site: string) => string;
}

const texts: Readonly<Record<LinkPurpose, LinkMail>> = {
  password_reset: {
    path: 'reset-password',
    subject: 'Set a new password',
    text: (address, site) =>
      `A request from the network address ${address} asked for a new password of your account at ${site}. ` +
      'The link below sets it, once, within 30 minutes. If it was not you, do nothing: your password stays as it is.',
  },
  email_verification: {
    path: 'verify-email',
    subject: 'Verify your address',
    text: (address, site) =>
      `An account at ${site} was registered with this email address. Its holder, from the network address ${address}, ` +
      'asked to verify it. If that was you, follow the link below within 30 minutes and enter the password of your ' +
      'account, or open it where you are signed in.\n\n' +
      'If it was not you, do not follow the link: the address stays unverified. To take the account away from the ' +
      `person who registered it, ask for a new password at ${site}.`,
  },
};
