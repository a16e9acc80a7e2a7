import type { HashFault } from '#kit/password-hash/password-hash.ts';
import { encoded, unpadded } from './base64.ts';
import { firebaseHash } from './firebase.ts';

/** How a product spells hashes of a format that Signet supports. */
interface Spelling {
  /** Name in messages. */
  readonly name: string;
  /** Recognizes the hashes that are meant to have this spelling, complete or not. */
  readonly claims: RegExp;
  /** Its parts. */
  readonly whole: RegExp;
  /** The hash in Signet's spelling, which is checked afterwards; undefined if it is malformed. */
  translate(parts: Readonly<Record<string, string>>): string | undefined;
}

const spellings: readonly Spelling[] = [
  {
    name: "Django's PBKDF2",
    claims: /^pbkdf2_/,
    whole: /^pbkdf2_(?<digest>sha1|sha256|sha512)\$(?<i>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    translate: ({ digest, i, salt, hash }) => `$pbkdf2-${digest}$i=${i}$${encoded(salt ?? '')}$${unpadded(hash ?? '')}`,
  },
  {
    name: "Django's scrypt",
    claims: /^scrypt\$/,
    whole: /^scrypt\$(?<n>\d+)\$(?<salt>[^$]+)\$(?<r>\d+)\$(?<p>\d+)\$(?<hash>[^$]+)$/,
    translate({ n, salt, r, p, hash }) {
      const ln = logarithm(n);
      return ln && `$scrypt$ln=${ln},r=${r},p=${p}$${encoded(salt ?? '')}$${unpadded(hash ?? '')}`;
    },
  },
  {
    name: "Django's Argon2",
    claims: /^argon2\$/,
    whole: /^argon2(?<phc>\$.*)$/,
    translate: ({ phc }) => phc,
  },
  {
    name: "Django's bcrypt",
    claims: /^bcrypt\$/,
    whole: /^bcrypt\$(?<crypt>\$.*)$/,
    translate: ({ crypt }) => crypt,
  },
  {
    // passlib's base64 has a dot for the plus sign.
    name: "passlib's PBKDF2",
    claims: /^\$pbkdf2(-sha256|-sha512)?\$\d/,
    whole: /^\$pbkdf2(?:-(?<digest>sha256|sha512))?\$(?<i>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    translate: ({ digest = 'sha1', i, salt, hash }) =>
      `$pbkdf2-${digest}$i=${i}$${(salt ?? '').replaceAll('.', '+')}$${(hash ?? '').replaceAll('.', '+')}`,
  },
  {
    // Kratos writes N where PHC strings have its logarithm, which is below 64.
    name: "Kratos's scrypt",
    claims: /^\$scrypt\$(ln=\d{3}|.*=$|.*=\$)/,
    whole: /^\$scrypt\$ln=(?<n>\d+),r=(?<r>\d+),p=(?<p>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    translate({ n, r, p, salt, hash }) {
      const ln = Number(n) < 64 ? n : logarithm(n);
      return ln && `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt ?? '')}$${unpadded(hash ?? '')}`;
    },
  },
  {
    name: "Kratos's SHA-crypt",
    claims: /^\$sha(256|512)-crypt\$/,
    whole: /^\$sha(?<bits>256|512)-crypt(?<rest>\$.*)$/,
    translate: ({ bits, rest }) => `$${bits === '256' ? 5 : 6}${rest}`,
  },
  {
    name: "Supabase's Firebase scrypt",
    claims: /^\$fbscrypt\$/,
    whole:
      /^\$fbscrypt\$v=1,n=(?<ln>\d+),r=(?<r>\d+),p=(?<p>\d+)(?:,ss=(?<separator>[^,$]*))?,sk=(?<key>[^,$]+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    translate: fromFirebase,
  },
  {
    name: "Kratos's Firebase scrypt",
    claims: /^\$firescrypt\$/,
    whole:
      /^\$firescrypt\$ln=(?<ln>\d+),r=(?<r>\d+),p=(?<p>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)\$(?<separator>[^$]*)\$(?<key>[^$]+)$/,
    translate: fromFirebase,
  },
];

/**
 * Translates a hash into Signet's spelling of its format. An unknown spelling stays as it is: the check of the hash decides
 * about it. Returns the fault of a malformed hash.
 */
export function translated(hash: string): string | HashFault {
  const spelling = spellings.find(({ claims }) => claims.test(hash));
  if (!spelling) return hash;
  const parts = spelling.whole.exec(hash)?.groups;
  const result = parts && spelling.translate(parts);
  return result ?? { reason: 'HASH_MALFORMED', description: `is not a valid hash (${spelling.name})` };
}

/** The binary logarithm of N as a text; undefined if N is no power of two. */
export function logarithm(n: string | undefined): string | undefined {
  const ln = Math.log2(Number(n));
  return Number.isInteger(ln) && ln > 0 ? String(ln) : undefined;
}

/** Decodes base64; empty if it is missing. */
function bytes(text = ''): Buffer {
  return Buffer.from(text, 'base64');
}

function fromFirebase(parts: Readonly<Record<string, string>>): string | undefined {
  const { ln = '', r = '', p = '', separator, key, salt, hash } = parts;
  return firebaseHash({
    ln,
    r,
    p,
    salt: bytes(salt),
    separator: bytes(separator),
    signerKey: bytes(key),
    hash: bytes(hash),
  });
}
