import { dateOf } from '../dates.ts';
import { fieldsOf, isYes, textOf } from '../fields.ts';
import { each, type Source } from '../source.ts';

/** WordPress. */
export const wordpress: Source = {
  about: 'wp user list --fields=user_login,display_name,user_email,user_registered,user_pass --format=json (or csv)',
  layout: { array: true, csv: { required: ['user_email', 'user_pass'] } },
  entries: each((value) => {
    const user = fieldsOf(value);
    const hash = textOf(user['user_pass']);
    return {
      email: user['user_email'],
      names: [user['display_name'], user['user_login']],
      // phpass writes an asterisk where hashing failed: no password matches.
      hash: hash.startsWith('*') ? '' : hash,
      // WordPress does not record it.
      emailVerified: false,
      createdAt: dateOf(user['user_registered']),
      // Columns of a network of sites.
      disabled: isYes(user['spam']) || isYes(user['deleted']),
    };
  }),
};
