import { dateOf } from '../dates.ts';
import { fieldsOf, fullName, listOf, textOf } from '../fields.ts';
import { each, type Source } from '../source.ts';

/** Ory Kratos. */
export const kratos: Source = {
  about: 'identities with their credentials, as a JSON array',
  layout: { array: true },
  entries: each((value) => {
    const identity = fieldsOf(value);
    const traits = fieldsOf(identity['traits']);
    const email = textOf(traits['email']);
    const name = fieldsOf(traits['name']);
    const config = fieldsOf(fieldsOf(fieldsOf(identity['credentials'])['password'])['config']);
    const addresses = listOf(identity['verifiable_addresses']).map(fieldsOf);
    return {
      email,
      names: [traits['name'], fullName(name['first'], name['last'])],
      hash: textOf(config['hashed_password']),
      emailVerified: addresses.some(
        (address) =>
          address['via'] === 'email' &&
          address['verified'] === true &&
          textOf(address['value']).toLowerCase() === email.toLowerCase(),
      ),
      createdAt: dateOf(identity['created_at']),
      disabled: identity['state'] === 'inactive',
    };
  }),
};
