import type { Found } from '../account.ts';
import { dateOf } from '../dates.ts';
import { fieldsOf, textOf } from '../fields.ts';
import { encoded } from '../hashes/base64.ts';
import { entryOf, type Source } from '../source.ts';

/** better-auth: its tables user and account. */
export const betterAuth: Source = {
  about: 'a JSON object with the tables user and account as arrays',
  layout: { key: 'user' },
  readsTwice: true,
  async *entries(read, options) {
    const hashes = new Map<string, string>();
    for await (const record of read('account')) {
      const account = 'value' in record ? fieldsOf(record.value) : {};
      const { providerId, userId, password } = account;
      // Other rows are those of social sign-ins.
      if (providerId === 'credential') hashes.set(textOf(userId), textOf(password));
    }
    for await (const record of read('user')) {
      const entry = entryOf(record, (value) => foundOf(value, hashes), options);
      if (entry) yield entry;
    }
  },
};

function foundOf(value: unknown, hashes: ReadonlyMap<string, string>): Found {
  const user = fieldsOf(value);
  const expires = dateOf(user['banExpires']);
  return {
    email: user['email'],
    names: [user['name']],
    hash: hashOf(hashes.get(textOf(user['id'])) ?? ''),
    emailVerified: user['emailVerified'] === true,
    createdAt: dateOf(user['createdAt']),
    disabled: user['banned'] === true && (!expires || expires > new Date()),
  };
}

/** Salt and key of scrypt in hex. The salt is the text itself (@better-auth/utils, password). */
function hashOf(stored: string): Found['hash'] {
  if (stored === '') return '';
  const [, salt, key] = /^([0-9a-f]{32}):([0-9a-f]{128})$/.exec(stored) ?? [];
  if (!salt || !key) return { reason: 'HASH_MALFORMED', description: 'is not a valid hash (better-auth)' };
  return `$scrypt$ln=14,r=16,p=1$${encoded(salt)}$${encoded(Buffer.from(key, 'hex'))}`;
}
