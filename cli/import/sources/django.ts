import { dateOf } from '../dates.ts';
import { fieldsOf, fullName, textOf } from '../fields.ts';
import { each, serviceAccount, type Source } from '../source.ts';

/** Django and products built on it, such as authentik. */
export const django: Source = {
  about: 'manage.py dumpdata auth.user (authentik: authentik_core.user)',
  layout: { array: true },
  entries: each((value) => {
    const user = fieldsOf(fieldsOf(value)['fields']);
    const password = user['password'];
    // A record of another model: user models have other names, too.
    if (typeof password !== 'string' || typeof user['email'] !== 'string') return undefined;
    if (textOf(user['type']).endsWith('service_account')) return serviceAccount;
    return {
      email: user['email'],
      names: [fullName(user['first_name'], user['last_name']), user['name'], user['username']],
      // set_unusable_password() writes an exclamation mark and random characters.
      hash: password.startsWith('!') ? '' : password,
      // Django does not verify emails.
      emailVerified: false,
      createdAt: dateOf(user['date_joined']),
      disabled: user['is_active'] === false,
    };
  }),
};
