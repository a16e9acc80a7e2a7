import { Code, ConnectError } from '@connectrpc/connect';
import { isDatabaseAway } from '#kit/errors/away.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { signetReasonOf } from '#kit/guard/error.ts';
import { explain } from '#kit/process/start-error.ts';

/** Exit codes. */
export const exits = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** One of the exit codes. */
export type Exit = (typeof exits)[keyof typeof exits];

/** An error with a message for users and an exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exit: Exit;

  constructor(message: string, exit: Exit = exits.failed) {
    super(message);
    this.exit = exit;
  }
}

/** A usage error: invalid arguments or missing credentials. */
export function misuse(message: string): CommandFailure {
  return new CommandFailure(message, exits.usage);
}

/** The lines that a failed command prints on standard error, and its exit code. */
export function describeFailure(error: unknown): { readonly lines: readonly string[]; readonly exit: Exit } {
  if (error instanceof CommandFailure) return { lines: error.message.split('\n'), exit: error.exit };
  if (error instanceof ConnectError) return describeConnectError(error);
  return { lines: explain(error).split('\n'), exit: isDatabaseAway(error) ? exits.unreachable : exits.failed };
}

function describeConnectError(error: ConnectError) {
  const reason = signetReasonOf(error);
  if (reason === undefined) return describeNetworkError(error);
  const wait = error.metadata.get('retry-after');
  return {
    lines: [
      `${error.rawMessage} (${reason})`,
      ...violationsOf(error).map(({ field, description }) => `  ${field}: ${description}`),
      ...(wait === null ? [] : [`  retry after ${wait} s`]),
    ],
    exit: exits.failed,
  };
}

/** Describes an error without a Signet reason: a network error, or another server at the URL. */
function describeNetworkError(error: ConnectError) {
  if (error.code === Code.Unimplemented) {
    return { lines: ['The server does not implement this method; it may be an older version.'], exit: exits.failed };
  }
  if (error.code === Code.DeadlineExceeded) {
    return { lines: ['The server did not respond in time.'], exit: exits.unreachable };
  }
  const code = codeOf(error.cause);
  if (code === undefined && error.code !== Code.Unavailable) {
    return { lines: ['The server at this URL is not Signet, or speaks https:// only.'], exit: exits.unreachable };
  }
  // OpenSSL's errors of verification, as Node names them.
  if (code !== undefined && /^(?!ERR_SSL).*CERT|^UNABLE_TO_/.test(code)) {
    const advice = 'NODE_EXTRA_CA_CERTS=<file> trusts the authority in a file.';
    return { lines: [`The certificate of the server is not accepted (${code}). ${advice}`], exit: exits.unreachable };
  }
  return { lines: [`The server cannot be reached (${code ?? Code[error.code]}).`], exit: exits.unreachable };
}

/** The system error code (ECONNREFUSED, ...) of an error or its cause. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause);
}
