import { ConnectError } from '@connectrpc/connect';
import { ImportedUserSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { decode } from '#kit/rest/decode.ts';
import { inWords, withHash } from '../account.ts';
import { dateOf } from '../dates.ts';
import { type Entry, rejected } from '../entry.ts';
import { fieldsOf, isYes, textOf } from '../fields.ts';
import { each, type Source, type SourceOptions } from '../source.ts';

/** Signet's own format: ImportedUser as JSON. The only source whose accounts may have roles. */
export const json: Source = {
  about: "Signet's own format: JSON Lines or a JSON array, one ImportedUser each",
  layout: { lines: true, array: true },
  async *entries(read, options) {
    for await (const record of read()) {
      if ('fault' in record) yield rejected(record.place, 'NOT_JSON', record.fault);
      else yield userOf(record.place, record.text ?? JSON.stringify(record.value), options);
    }
  },
};

/** Decodes an account strictly: an unknown field is an error, as is a repeated one in JSON Lines. */
function userOf(place: string, text: string, options: SourceOptions): Entry {
  try {
    const user = decode(ImportedUserSchema, text);
    const { passwordHash } = user;
    // The spellings of other products may be longer than the contract allows.
    user.passwordHash = '';
    return withHash(place, user, passwordHash, options);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return rejected(place, 'INVALID_ARGUMENT', violationsOf(error).map(inWords).join('; '));
  }
}

/** Any system that can write a CSV. */
export const csv: Source = {
  about:
    'CSV with the columns email, name, password_hash, email_verified, created_at, disabled; other columns are ignored',
  layout: { csv: { required: ['email'] } },
  entries: each((value) => {
    const row = fieldsOf(value);
    const created = textOf(row['created_at']).trim();
    const createdAt = dateOf(created);
    if (created !== '' && !createdAt) {
      return { outcome: 'rejected', reason: 'INVALID_ARGUMENT', description: 'created_at: must be a date (ISO 8601)' };
    }
    return {
      email: row['email'],
      names: [row['name']],
      hash: textOf(row['password_hash']).trim(),
      emailVerified: isYes(row['email_verified']),
      createdAt,
      disabled: isYes(row['disabled']),
    };
  }),
};
