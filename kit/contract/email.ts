import { domainToASCII } from 'node:url';
import { z } from 'zod';

/** Longest email (RFC 5321 section 4.5.3.1.3, without the brackets), in characters. */
const longest = 254;

/**
 * Returns the normalized form of an email, which identifies an account: without surrounding spaces, in NFKC and lower case,
 * and an internationalized domain in ASCII (UTS 46). Text that is no email stays text that is none.
 */
export function normalizeEmail(written: string): string {
  const email = written.trim().normalize('NFKC').toLowerCase();
  const at = email.lastIndexOf('@');
  const domain = email.slice(at + 1);
  // Only these: the function reads some ASCII names as IPv4 addresses.
  const ascii = at > 0 && /[^\x20-\x7e]/.test(domain) ? domainToASCII(domain) : '';
  return ascii === '' ? email : `${email.slice(0, at + 1)}${ascii}`;
}

/** Returns whether a normalized email is valid, as HTML defines it, and at most 254 characters long. */
export function isEmail(normalized: string): boolean {
  return normalized.length <= longest && z.regexes.html5Email.test(normalized);
}
