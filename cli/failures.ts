import { Code, ConnectError } from '@connectrpc/connect';
import { isDatabaseAway } from '#kit/errors/away.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { signetReasonOf } from '#kit/guard/error.ts';
import { explain } from '#kit/process/start-error.ts';

/** How a command ended, for whoever called it from a script. */
export const exits = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** One of the exit codes. */
export type Exit = (typeof exits)[keyof typeof exits];

/** Why a command did not do what it was asked, in a sentence for people. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exit: Exit;

  constructor(message: string, exit: Exit = exits.failed) {
    super(message);
    this.exit = exit;
  }
}

/** A command that was written or set up wrongly. */
export function misuse(message: string): CommandFailure {
  return new CommandFailure(message, exits.usage);
}

/** What a failed command says on standard error, a line each, and how it ends. */
export function told(error: unknown): { readonly lines: readonly string[]; readonly exit: Exit } {
  if (error instanceof CommandFailure) return { lines: error.message.split('\n'), exit: error.exit };
  if (error instanceof ConnectError) return toldOf(error);
  return { lines: explain(error).split('\n'), exit: isDatabaseAway(error) ? exits.unreachable : exits.failed };
}

function toldOf(error: ConnectError) {
  const reason = signetReasonOf(error);
  if (reason === undefined) return toldOfTransport(error);
  const wait = error.metadata.get('retry-after');
  return {
    lines: [
      `${error.rawMessage} (${reason})`,
      ...violationsOf(error).map(({ field, description }) => `  ${field}: ${description}`),
      ...(wait === null ? [] : [`  again in ${wait} s`]),
    ],
    exit: exits.failed,
  };
}

/** An error that no Signet made: the way to it, or something else that answers there. */
function toldOfTransport(error: ConnectError) {
  if (error.code === Code.Unimplemented) {
    return { lines: ['The server does not have this method. It may be older than this command.'], exit: exits.failed };
  }
  if (error.code === Code.DeadlineExceeded) {
    return { lines: ['The server did not answer in time.'], exit: exits.unreachable };
  }
  const code = codeOf(error.cause);
  if (code === undefined && error.code !== Code.Unavailable) {
    return { lines: ['What answers there is not a Signet.'], exit: exits.unreachable };
  }
  return { lines: [`The server cannot be reached (${code ?? Code[error.code]}).`], exit: exits.unreachable };
}

/** The system's word for an error, on it or on what caused it. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause);
}
