import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { Log } from '#kit/log/log.ts';
import { outsideCalls } from '#kit/call/call.ts';
import type { Actor } from '../../audit/public.ts';
import { hashOfLink, type LinkMailer, type LinkPurpose, type LinkStore, type SendMail } from '../rules.ts';

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

  async function mail(purpose: LinkPurpose, email: string, by: Actor): Promise<void> {
    const token = randomBytes(32).toString('base64url');
    const user = await store.insert(purpose, email, hashOfLink(token), by);
    if (!user) return;
    const { path, subject, text } = texts[purpose];
    // The address and nothing else: a name or a User-Agent would be words of a stranger's choice.
    const address = by.ip || 'unknown';
    // Behind the #: browsers send that to nobody, so it is in no log and no Referer.
    const link = `${baseUrl}/${path}#token=${token}`;
    // Until the address is known to be theirs, whoever registered it chose what a stranger would read here.
    const greeting = user.verifiedAt ? `Hello ${user.name},` : 'Hello,';
    await send({ to: user.email, subject, text: `${greeting}\n\n${text(address, baseUrl)}\n\n${link}\n` });
  }

  return {
    later(purpose, email, by) {
      if (limit.pendingCount >= mostWaiting) return log.warn({ purpose }, 'too many mails wait; one was not sent');
      // The caller's deadline is not the mail's.
      const sending = outsideCalls(() => limit(() => mail(purpose, email, by)))
        .catch((error: unknown) => log.error({ err: error, purpose }, 'a mail could not be sent'))
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    },
    async idle() {
      await Promise.all(underWay);
    },
  };
}

interface LinkMail {
  readonly path: string;
  readonly subject: string;
  /** The words before the link: who asked, what it does, and what to do if it was not the reader. */
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
