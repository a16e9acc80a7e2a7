import { dateOf, dateOfMillis } from '../dates.ts';
import { fieldsOf, fullName, isYes, listOf, textOf } from '../fields.ts';
import { each, type Source } from '../source.ts';

/** Amazon Cognito. It exports no hashes. */
export const cognito: Source = {
  about: 'aws cognito-idp list-users (JSON), or the CSV of a user import; it has no hashes',
  layout: { key: 'Users', csv: { required: ['email'] } },
  entries: each((value) => {
    const user = fieldsOf(value);
    const attributes = listOf(user['Attributes']).map(fieldsOf);
    // The CSV has the attributes as columns.
    const row =
      user['Attributes'] === undefined
        ? user
        : Object.fromEntries(attributes.map((one) => [textOf(one['Name']), one['Value']]));
    const created = user['UserCreateDate'];
    return {
      email: row['email'],
      names: [row['name'], fullName(row['given_name'], row['family_name'])],
      hash: '',
      emailVerified: isYes(row['email_verified']),
      // Version 1 of the command line of AWS writes seconds.
      createdAt: typeof created === 'number' ? dateOfMillis(Math.round(created * 1_000)) : dateOf(created),
      disabled: user['Enabled'] === false,
    };
  }),
};
