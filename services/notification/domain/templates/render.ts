import type { Facts } from '../inbox.ts';
import type { Kind } from '../kinds.ts';
import { de } from './de.ts';
import { en } from './en.ts';
import type { Templates } from './template.ts';

/** The languages, by BCP 47 language tag. */
export const languages: Readonly<Record<string, Templates>> = { en, de };

/** A notification to render. */
export interface Rendered {
  readonly kind: Kind;
  readonly data: Facts;
  /** A BCP 47 tag; empty or unsupported: English. */
  readonly locale: string;
}

/** A mail in both formats. */
export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** The pages that links lead to. The token is in the fragment, which browsers do not send: it is in no log and no Referer. */
const pages: Readonly<Partial<Record<Kind, string>>> = {
  password_reset: 'reset-password',
  email_verification: 'verify-email',
};

/** The texts of a locale: those of `de` for `de-AT`. */
function templatesFor(locale: string): Templates {
  const parts = locale.toLowerCase().split('-');
  for (let length = parts.length; length > 0; length--) {
    const found = languages[parts.slice(0, length).join('-')];
    if (found) return found;
  }
  return en;
}

/** Replaces `{name}` by a fact. A fact that is missing stays empty. */
function fill(text: string, facts: Facts): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => facts[name] ?? '');
}

/** Returns the title and the body in the inbox. */
export function inboxTextOf({ kind, data, locale }: Rendered): { readonly title: string; readonly body: string } {
  const { title, body } = templatesFor(locale).kinds[kind];
  return { title: fill(title, data), body: fill(body, data) };
}

/** Returns the text message. */
export function smsOf(rendered: Rendered): string {
  const { title, body } = inboxTextOf(rendered);
  return `${title}: ${body}`;
}

/**
 * Returns the mail.
 * @throws Error if a kind with a link has none, or the reverse
 */
export function mailOf(
  options: Rendered & {
    /** Base URL of links. */
    readonly site: string;
    /** Empty for a greeting without a name. */
    readonly name: string;
    readonly link: { readonly token: string; readonly requestedFrom: string } | undefined;
  },
): RenderedMail {
  const { kind, data, locale, site, name, link } = options;
  const { hello, helloUnnamed, footer, kinds } = templatesFor(locale);
  const { title, body, mail = [body], action = '' } = kinds[kind];
  const page = pages[kind];
  if ((page === undefined) !== (link === undefined)) throw new Error(`a mail of kind ${kind} has the wrong link`);
  const facts = { ...data, site, name, address: link?.requestedFrom || '?' };
  const paragraphs = [name === '' ? helloUnnamed : hello, ...mail].map((text) => fill(text, facts));
  const url = link && `${site}/${page}#token=${link.token}`;
  const last = fill(footer, facts);
  const subject = fill(title, facts);
  return {
    subject,
    text: [...paragraphs, ...(url === undefined ? [] : [url]), last].join('\n\n') + '\n',
    html: htmlOf({ language: locale, subject, paragraphs, link: url, action, last }),
  };
}

/** A document without images, scripts or remote parts, so that it looks the same in every mail program. */
function htmlOf(parts: {
  readonly language: string;
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly link: string | undefined;
  readonly action: string;
  readonly last: string;
}): string {
  const { language, subject, paragraphs, link, action, last } = parts;
  const button =
    link === undefined
      ? ''
      : `<p><a href="${escape(link)}" style="display:inline-block;padding:12px 20px;border-radius:6px;background:#1f2a44;color:#ffffff;text-decoration:none">${escape(action)}</a></p>`;
  return `<!doctype html>
<html lang="${escape(language || 'en')}">
<head><meta charset="utf-8"><title>${escape(subject)}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;font-family:sans-serif;font-size:16px;line-height:1.5;color:#1f2a44">
<div style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
${paragraphs.map((text) => `<p>${escape(text)}</p>`).join('\n')}
${button}
<p style="font-size:13px;color:#667085">${escape(last)}</p>
</div>
</body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
