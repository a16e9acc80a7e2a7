import { z } from 'zod';
import { secret } from './types.ts';

/** Values of `sslmode` in a database URL. */
const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

const mustEncode =
  'the user name and the password must be percent-encoded: % is written %25, # is %23, / is %2F, ? is %3F, @ is %40, : is %3A';

/** A PostgreSQL URL: postgres://user:password@host:port/database. */
export const databaseUrl = z
  .string()
  .superRefine((text, context) => {
    const message = faultOf(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .pipe(secret);

/** Returns what is wrong with a database URL, without its parts; undefined if nothing is. */
function faultOf(text: string): string | undefined {
  if (/^["'`]/.test(text)) return 'must not have quotation marks around it';
  const [, authority] = /^postgres(?:ql)?:\/\/(.*)$/is.exec(text) ?? [];
  if (authority === undefined) return 'must be a URL that begins with postgres:// or postgresql://';
  if (/[\s\p{Cc}]/u.test(text)) return 'must not contain spaces or line breaks';
  if (/%(?![\da-f]{2})/i.test(text)) return mustEncode;
  const end = authority.search(/[/?#]/);
  const [server, rest] = end === -1 ? [authority, ''] : [authority.slice(0, end), authority.slice(end)];
  // A character of the password ended the authority part (RFC 3986 section 3.2): the host is behind it.
  if (!server.includes('@') && rest.includes('@')) return mustEncode;
  const host = server.slice(server.lastIndexOf('@') + 1);
  if (host.includes(','))
    return 'must name one host: Signet does not choose among several. Use a name or a proxy that leads to the primary';
  if (!URL.canParse(text)) return `must be postgres://user:password@host:port/database; ${mustEncode}`;
  const url = new URL(text);
  if (url.hash) return mustEncode;
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !sslModes.includes(mode)) return `sslmode must be one of ${sslModes.join(', ')}`;
  return undefined;
}
