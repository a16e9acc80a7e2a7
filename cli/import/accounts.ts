import { ConnectError } from '@connectrpc/connect';
import { type ImportedUser, ImportedUserSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { faultOfHash } from '#kit/password-hash/password-hash.ts';
import { decode } from '#kit/rest/decode.ts';
import { jsonText } from '#kit/rest/json-text.ts';
import { assertValid } from '#kit/contract/validation.ts';
import type { Line } from './lines.ts';

/** What a line of the file says. */
export type Read =
  | { readonly line: number; readonly user: ImportedUser }
  | { readonly line: number; readonly why: string };

/** Accounts to send at once, and the lines before and among them that cannot be sent. */
export interface Page {
  readonly users: readonly { readonly line: number; readonly user: ImportedUser }[];
  readonly rejected: readonly { readonly line: number; readonly why: string }[];
  /** The last line of them. */
  readonly lastLine: number;
}

/** Longest line that can be an account, bytes. */
export const longestLine = 16 * 1024;
/** Most lines of a page, which is what one call takes; so many of the largest accounts are a third of its bytes. */
const mostLines = 100;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads lines of JSON, an account each, in pages that one call takes. Blank lines are passed over. */
export async function* pagesOf(lines: AsyncIterable<Line>): AsyncGenerator<Page> {
  let users: { line: number; user: ImportedUser }[] = [];
  let rejected: { line: number; why: string }[] = [];
  let lastLine = 0;
  function end(): Page {
    const page = { users, rejected, lastLine };
    [users, rejected] = [[], []];
    return page;
  }
  for await (const line of lines) {
    const read = readLine(line);
    if (read && 'user' in read) users.push(read);
    else if (read) rejected.push(read);
    lastLine = line.number;
    if (users.length + rejected.length === mostLines) yield end();
  }
  if (users.length + rejected.length > 0) yield end();
}

/** What a line says; undefined where it is blank. Says why it is no account without any of it. */
function readLine({ number: line, bytes }: Line): Read | undefined {
  if (!bytes) return { line, why: `longer than ${longestLine} bytes` };
  try {
    const isMarked = line === 1 && bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark);
    const text = jsonText(isMarked ? bytes.subarray(byteOrderMark.length) : bytes);
    if (text.trim() === '') return undefined;
    const user = decode(ImportedUserSchema, text);
    assertValid(ImportedUserSchema, user);
    const fault = user.passwordHash === '' ? undefined : faultOfHash(user.passwordHash);
    return fault ? { line, why: `password_hash: ${fault.description}` } : { line, user };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return { line, why: violationsOf(error).map(inWords).join('; ') };
  }
}

function inWords({ field, description }: { field: string; description: string }): string {
  return field === '$body' ? description : `${field}: ${description}`;
}
