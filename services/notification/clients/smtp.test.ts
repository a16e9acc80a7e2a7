import { afterEach, beforeEach, expect, test } from 'vitest';
import { PermanentFailure } from '#kit/jobs/jobs.ts';
import { Secret } from '#kit/log/secret.ts';
import { type Mailbox, openMailbox } from '../../../test/mailbox.ts';
import { createSmtp, type OpenMailSender } from './smtp.ts';

let mailbox: Mailbox;
let smtp: OpenMailSender;
beforeEach(async () => {
  mailbox = await openMailbox();
  smtp = await createSmtp({ url: new Secret(mailbox.url), from: 'Shop <shop@example.com>', host: 'id.example.com' });
});
afterEach(() => {
  smtp.close();
  mailbox.close();
});

const mail = {
  id: '018f3e2a-7b1c-7def-8a12-3456789abcde',
  userId: 'u1',
  to: 'ada@example.com',
  subject: 'Bestätigt',
  text: 'Grüße, Ada\n',
  html: '<p>Grüße, Ada</p>',
};

test('sends both formats with the id in the Message-ID', async () => {
  await smtp.send(mail);
  const [sent] = mailbox.mails;
  expect(sent?.raw).toContain(`Message-ID: <${mail.id}@id.example.com>`);
  expect(sent?.text.trim()).toBe('Grüße, Ada');
  expect(sent?.raw).toContain('Content-Type: text/html');
});

test.each([
  ['450 try later', false],
  ['421 closing', false],
  ['550 no such user', true],
  ['554 refused', true],
])('the reply "%s" is a permanent failure: %s', async (reply, isPermanent) => {
  mailbox.replies.push(reply);
  const error: unknown = await smtp.send(mail).catch((caught: unknown) => caught);
  expect(error instanceof PermanentFailure).toBe(isPermanent);
  expect(String(error)).toContain(reply.slice(0, 3));
  expect(String(error)).not.toContain(mail.to);
});

test('a server that is away is no permanent failure', async () => {
  mailbox.close();
  const error: unknown = await smtp.send(mail).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(PermanentFailure);
});

test('a name in the address cannot add a recipient or a header', async () => {
  await smtp.send({ ...mail, subject: 'Hello\r\nBcc: eve@example.com' });
  expect(mailbox.mails.map(({ to }) => to)).toEqual(['ada@example.com']);
  expect(mailbox.mails[0]?.raw).not.toMatch(/^bcc:/im);
});
