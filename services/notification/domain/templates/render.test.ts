import { describe, expect, test } from 'vitest';
import { type Kind, kindNames } from '../kinds.ts';
import { inboxTextOf, languages, mailOf } from './render.ts';

const site = 'https://shop.example';
const link = { token: 'the-token', requestedFrom: '203.0.113.7' };
const facts = { order_id: 'o1', total: 'EUR 12.50', amount: 'EUR 3.00', ride_id: 'r1', fare: 'EUR 4.20' };
const withLink = new Set<Kind>(['password_reset', 'email_verification']);
const mail = (kind: Kind, locale = 'en', name = 'Ada') =>
  mailOf({ kind, data: facts, locale, site, name, link: withLink.has(kind) ? link : undefined });

describe.each(Object.keys(languages))('in %s', (locale) => {
  test.each(kindNames)('%s has a title, a body and a mail without gaps', (kind) => {
    const inbox = inboxTextOf({ kind, data: facts, locale });
    const { subject, text, html } = mail(kind, locale);
    for (const part of [inbox.title, inbox.body, subject, text, html]) {
      expect(part).not.toBe('');
      expect(part).not.toMatch(/[{]\w+[}]|undefined/);
    }
    expect(subject).not.toMatch(/\n/);
    const linked = `${site}/${kind === 'password_reset' ? 'reset-password' : 'verify-email'}#token=the-token`;
    for (const part of [text, html]) expect(part.includes(linked)).toBe(withLink.has(kind));
  });
});

test('a locale falls back to its language, and an unsupported one to English', () => {
  const title = (locale: string) => inboxTextOf({ kind: 'welcome', data: {}, locale }).title;
  expect(['de', 'de-AT', 'DE-Latn-CH', 'en-GB', 'fr', ''].map(title)).toEqual([
    'Willkommen',
    'Willkommen',
    'Willkommen',
    'Welcome',
    'Welcome',
    'Welcome',
  ]);
});

test('a mail states the requesting address and what to do about an unwanted mail', () => {
  for (const kind of withLink) {
    expect(mail(kind).text).toContain('from the network address 203.0.113.7');
    expect(mail(kind).text).toContain('If it was not you, do n');
  }
});

test('a mail without a name greets without one', () => {
  expect(mail('welcome', 'en', '').text).toMatch(/^Hello,\n/);
  expect(mail('welcome').text).toMatch(/^Hello Ada,\n/);
});

test('a name cannot add markup, lines of headers, or facts', () => {
  const name = '<img src=x onerror=alert(1)>"\'&{site}';
  const { html, text } = mail('welcome', 'en', name);
  expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;{site}');
  expect(html).not.toContain('<img');
  expect(text).toContain(name);
});

test('a kind with a link is not rendered without one, and the reverse', () => {
  const options = { data: {}, locale: '', site, name: '' };
  expect(() => mailOf({ ...options, kind: 'password_reset', link: undefined })).toThrow('wrong link');
  expect(() => mailOf({ ...options, kind: 'welcome', link })).toThrow('wrong link');
});
