import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../gen/proto/google/rpc/error_details_pb.ts';
import { type GuardReason, guardReasons, type ReasonEntry } from './reasons.ts';

/** ErrorInfo.domain of every error that Signet makes. */
export const errorDomain = 'signet';

/** What an error may carry besides its reason. */
export interface ErrorExtras {
  /** Response headers, for example WWW-Authenticate. */
  readonly headers?: HeadersInit;
  /** Further google.rpc details. */
  readonly details?: readonly { desc: DescMessage; value: MessageInitShape<DescMessage> }[];
  /** For the log; never leaves the process. */
  readonly cause?: unknown;
}

/** Makes the error of a reason: a status, its sentence, and google.rpc.ErrorInfo. */
export function errorOf(reason: string, entry: ReasonEntry, extras: ErrorExtras = {}): ConnectError {
  const info = { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain: errorDomain }) };
  const headers = new Headers(extras.headers);
  if (entry.challenge !== undefined && !headers.has('www-authenticate')) {
    headers.set('www-authenticate', entry.challenge);
  }
  return new ConnectError(entry.title, entry.code, headers, [info, ...(extras.details ?? [])], extras.cause);
}

/** The error of one of the guard's reasons. */
export function refusal(reason: GuardReason, extras?: ErrorExtras): ConnectError {
  return errorOf(reason, guardReasons[reason], extras);
}

/** INVALID_TOKEN; `why` is for the log alone and must not quote the token. */
export function invalidToken(why: string, cause?: unknown): ConnectError {
  return refusal('INVALID_TOKEN', { cause: new Error(why, { cause }) });
}

/** REVOCATIONS_STALE: too long ago, or never, was anything heard of revocations. */
export function staleRevocations(): ConnectError {
  return refusal('REVOCATIONS_STALE', { headers: { 'retry-after': '1' } });
}

/** The reason in an error that Signet made, here or on the other side of the wire; undefined in any other. */
export function signetReasonOf(error: unknown): string | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain)?.reason;
}

/** The guard's reason in an error, or undefined where another made it. */
export function refusalReasonOf(error: unknown): GuardReason | undefined {
  const reason = signetReasonOf(error);
  return reason !== undefined && Object.hasOwn(guardReasons, reason) ? (reason as GuardReason) : undefined;
}
