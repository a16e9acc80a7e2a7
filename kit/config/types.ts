import { isIP } from 'node:net';
import { z } from 'zod';
import { digitsOf } from '#kit/money/currencies.ts';
import { Secret } from '#kit/log/secret.ts';
import { asSecret } from './secret-file.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time span, written `500ms`, `10s`, `15m`, `12h` or `7d`; the value is in milliseconds. */
export const duration = z
  .string()
  .regex(/^\d{1,9}(ms|s|m|h|d)$/, 'must be a duration, such as 10s, 15m or 7d')
  .transform((text) => {
    const unit = text.match(/[a-z]+$/)?.[0] as keyof typeof units;
    return Number.parseInt(text, 10) * units[unit];
  });

/** A duration above 0. */
export const positiveDuration = duration.refine((ms) => ms > 0, 'must be longer than 0');

/** An integer within bounds. */
export function whole(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`);
}

/** A TCP port; 0 lets the system choose. */
export const port = whole(0, 65_535);

/** An absolute URL of one of the given schemes. */
export function url(...schemes: string[]) {
  const begins = schemes.map((scheme) => `${scheme}://`);
  return z
    .string()
    .refine(
      (text) => URL.canParse(text) && begins.some((start) => text.toLowerCase().startsWith(start)),
      `must be a URL that begins with ${begins.join(' or ')}`,
    );
}

/** An http(s) URL below which there are pages, kept without a trailing slash. */
export const baseUrl = url('http', 'https').transform((text) => text.replace(/\/+$/, ''));

/** An http(s) origin, as browsers write it (RFC 6454 section 6.2), kept without a trailing slash, as issuers are written. */
export const issuerUrl = baseUrl.refine(
  (text) => new URL(text).origin === text,
  // Routes, cookies, redirects and the pages of the edge begin at the root of a host.
  'must be an origin in lower case, such as https://id.example.com, without a path: Signet is not served under a path',
);

/** Comma-separated values. Whitespace around them is ignored. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

/** Comma-separated web origins, as browsers send them (RFC 6454 section 6.2). */
export const origins = list.refine(
  (all) => all.every((one) => URL.canParse(one) && new URL(one).origin === one),
  'must be comma-separated origins without a path, such as https://app.example.com',
);

/** Comma-separated IP addresses and CIDR ranges. */
export const networks = list.refine(
  (all) => all.every(isNetwork),
  'must be comma-separated IP addresses or CIDR ranges',
);

function isNetwork(text: string): boolean {
  const [, address = '', length = '1'] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  // /0 (all addresses) is not a valid proxy network.
  return Number(length) > 0 && Number(length) <= ({ 4: 32, 6: 128 }[isIP(address)] ?? 0);
}

/** A decimal number of 0 or more, as text: money is never a floating-point number. */
export const decimal = z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, 'must be a decimal number, such as 1.20');

/** A decimal number above 0, as text. */
export const positiveDecimal = decimal.refine((text) => /[1-9]/.test(text), 'must be above 0');

/** A currency of ISO 4217. */
export const currency = z
  .string()
  .refine((code) => digitsOf(code) !== undefined, 'must be a currency of ISO 4217, such as EUR');

/** A share, from 0 to 1. */
export const share = z
  .string()
  .regex(/^(0|1|0\.\d{1,9}|1\.0{1,9})$/, 'must be a number from 0 to 1')
  .transform(Number);

/** Headers in OpenTelemetry's format: comma-separated `name=value`, values percent-encoded. Values may be credentials. */
export const headers = asSecret(
  list
    .refine((all) => all.every((one) => /^[\w!#$%&'*+.^`|~-]+=([^%]|%[\da-f]{2})*$/i.test(one)), {
      error: 'must be comma-separated name=value',
    })
    .transform((all) => {
      const pairs = all.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)] as const);
      return Object.fromEntries(pairs.map(([name, value]) => [name, new Secret(decodeURIComponent(value))]));
    }),
);

/** Any text. */
export const text = z.string();

/** Path of a file. PEM text in its place is refused: messages print paths, and the text may be a private key. */
export const filePath = z
  .string()
  .refine((path) => !/[\r\n]|-----BEGIN/.test(path), 'must be the path of a file, not its content');

/** One of the given words. */
export function oneOf<const T extends readonly [string, ...string[]]>(...words: T) {
  return z.enum(words, `must be one of ${words.join(', ')}`) as unknown as z.ZodType<T[number], string>;
}

/** A switch: `on` or `off`. */
export const onOff = oneOf('on', 'off').pipe(z.transform((word) => word === 'on'));

/** Text that is never printed. */
export const secret = asSecret(z.string().transform((value) => new Secret(value)));

/** An Ed25519 private key (RFC 8037 `d`): 32 bytes in base64url. */
export const serviceKey = z
  .string()
  .regex(/^[\w-]{42}[AEIMQUYcgkosw048]$/, 'must be 32 bytes in base64url: npm run signet -- services keygen <name>')
  .pipe(secret);
