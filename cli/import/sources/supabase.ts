import { dateOf } from '../dates.ts';
import { fieldsOf, isYes, jsonFieldsOf, textOf } from '../fields.ts';
import { anonymous, each, type Source } from '../source.ts';

/** Supabase Auth (GoTrue): the table auth.users. */
export const supabase: Source = {
  about: 'the table auth.users as CSV with a header, or as a JSON array',
  layout: { array: true, csv: { required: ['email', 'encrypted_password'] } },
  entries: each((value) => {
    const user = fieldsOf(value);
    if (textOf(user['deleted_at']) !== '') {
      return { outcome: 'skipped', reason: 'DELETED', description: 'is deleted' };
    }
    if (isYes(user['is_anonymous'])) return anonymous;
    const profile = jsonFieldsOf(user['raw_user_meta_data']);
    const bannedUntil = dateOf(user['banned_until']);
    return {
      email: user['email'],
      names: [profile['full_name'], profile['name']],
      hash: textOf(user['encrypted_password']),
      emailVerified: textOf(user['email_confirmed_at']) !== '',
      createdAt: dateOf(user['created_at']),
      // A date that cannot be read, such as infinity, bans.
      disabled: textOf(user['banned_until']) !== '' && (!bannedUntil || bannedUntil > new Date()),
    };
  }),
};
