import { isDatabaseAway } from './away.ts';
import { sqlStateOf } from './sql-state.ts';

/**
 * Describes an error of connecting to a database, or of its first statements, in a sentence for the operator.
 * @param key the configuration key of the database's URL
 * @returns undefined if it is not such an error
 */
export function databaseFault(error: unknown, key: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = sqlStateOf(error) ?? ('code' in error ? String(error.code) : '');
  const known = byCode[code] ?? byMessage.find(([pattern]) => pattern.test(error.message))?.[1];
  if (known) return `${known(key)}: ${error.message}`;
  if (isTlsCode(code)) {
    return (
      `the TLS certificate of the database of ${key} is not accepted (${code}: ${error.message}). ` +
      `Add sslrootcert=<file with the certificate of its authority> to ${key} (docs/operating.md).`
    );
  }
  if (isDatabaseAway(error)) return `the database of ${key} does not respond (${code || error.message})`;
  return undefined;
}

type Sentence = (key: string) => string;

/** By SQLSTATE (PostgreSQL manual, appendix A) or Node's code. */
const byCode: Readonly<Record<string, Sentence>> = {
  '08P01': (key) => `the server or connection pooler of ${key} refused the connection`,
  '25006': (key) => `the database of ${key} is read-only`,
  '53100': (key) => `the database of ${key} has no disk space left`,
  '53300': (key) => `the database of ${key} has no free connection`,
  '28000': (key) => `PostgreSQL rejected the user of ${key}`,
  '28P01': (key) => `PostgreSQL rejected the password of ${key}`,
  '3D000': (key) => `the database of ${key} does not exist`,
  '42501': (key) => `the user of ${key} may not create tables`,
  ENOTFOUND: (key) => `the host of ${key} is unknown`,
  EAI_AGAIN: (key) => `the host of ${key} cannot be resolved`,
};

/** Errors of pg without a code. */
const byMessage: readonly (readonly [RegExp, Sentence])[] = [
  [/does not support SSL/, (key) => `${key} requires TLS by sslmode, which its server does not have`],
  [/client password must be a (non-empty )?string/, (key) => `${key} has no password, and its server requires one`],
  [/^(timeout expired|Received invalid response)/i, (key) => `no PostgreSQL responds at ${key}`],
];

/** Codes of OpenSSL's verification (X509_V_ERR_*, as Node names them), of Node's TLS and of OpenSSL. */
function isTlsCode(code: string): boolean {
  return /CERT|^(UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO)/.test(code);
}
