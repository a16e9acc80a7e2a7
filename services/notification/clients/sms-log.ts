import type { Log } from '#kit/log/log.ts';
import type { SmsSender } from '../domain/messages.ts';

/** Creates the provider that only logs text messages: their kind and the last two digits of the number. */
export function createSmsLog(log: Log): SmsSender {
  return {
    async send({ id, to, kind }) {
      log.info({ notification: id, kind, number: `…${to.slice(-2)}` }, 'text message');
    },
  };
}
