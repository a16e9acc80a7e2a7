import { ConnectError } from '@connectrpc/connect';
import { type ImportedUser, ImportedUserSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { faultOfHash } from '#kit/password-hash/password-hash.ts';
import { decode } from '#kit/rest/decode.ts';
import { jsonText } from '#kit/rest/json-text.ts';
import { assertValid } from '#kit/contract/validation.ts';
import type { Line } from './lines.ts';

/** A parsed line: an account, or the reason for its rejection. */
export type Read =
  | { readonly line: number; readonly user: ImportedUser }
  | { readonly line: number; readonly why: string };

/** Accounts for one ImportUsers call, and the rejected lines between them. */
export interface Page {
  readonly users: readonly { readonly line: number; readonly user: ImportedUser }[];
  readonly rejected: readonly { readonly line: number; readonly why: string }[];
  /** Number of the page's last line. */
  readonly lastLine: number;
}

/** Maximum length of a line, bytes. */
export const maxLineBytes = 16 * 1024;
/** Maximum lines of a page: the limit of ImportUsers. 100 accounts of maximum size are a third of its byte limit. */
const maxPageLines = 100;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads JSON lines, one account each, in pages for one call. Skips blank lines. */
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
    if (users.length + rejected.length === maxPageLines) yield end();
  }
  if (users.length + rejected.length > 0) yield end();
}

/** Parses a line; undefined if it is blank. The reason for a rejection never quotes the line. */
function readLine({ number: line, bytes }: Line): Read | undefined {
  if (!bytes) return { line, why: `longer than ${maxLineBytes} bytes` };
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
