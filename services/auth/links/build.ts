import { createMailer } from '#kit/mail/mailer.ts';
import { sweeping } from '#kit/work/sweep.ts';
import type { Ground } from '../ground.ts';
import { createLinkMailer } from './clients/link-mailer.ts';
import { createLinkStore } from './store.ts';

/** Builds the room `links`: links sent by mail. */
export function buildLinks({ config, db, log }: Ground) {
  const { smtpUrl, mailFrom: from, mailDir: folder, linkUrl, issuer } = config;
  const transport = createMailer({ smtpUrl, from, folder, log });
  const store = createLinkStore(db);
  const mailer = createLinkMailer({ store, send: (mail) => transport.send(mail), baseUrl: linkUrl ?? issuer, log });
  return {
    store,
    mailer,
    work: [sweeping('links', store)],
    async close() {
      await mailer.idle();
      transport.close();
    },
  };
}
