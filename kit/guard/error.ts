import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, LocalizedMessageSchema } from '../../gen/proto/google/rpc/error_details_pb.ts';
import { type GuardReason, guardReasons, type ReasonEntry } from './reasons.ts';

/** ErrorInfo.domain of every error that Signet makes. */
export const errorDomain = 'signet';

/** What an error may carry besides its reason. */
export interface ErrorExtras {
  /** Response headers, for example WWW-Authenticate. */
  readonly headers?: HeadersInit;
  /** What this error says beyond its reason's sentence, for people. Sent as google.rpc.LocalizedMessage. */
  readonly detail?: string;
  /** What programs need besides the reason: ErrorInfo.metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** ErrorInfo.domain, where the reason is another system's. */
  readonly domain?: string;
  /** Further google.rpc details. */
  readonly details?: readonly { desc: DescMessage; value: MessageInitShape<DescMessage> }[];
  /** For the log; never leaves the process. */
  readonly cause?: unknown;
}

/** Errors that this process made or translated. */
const ours = new WeakSet<ConnectError>();

/** Tells whether an error was made by `errorOf`, here, or names a reason of Signet's domain: others came untranslated from elsewhere. */
export function isOurs(error: ConnectError): boolean {
  return ours.has(error) || signetReasonOf(error) !== undefined;
}

/** Makes the error of a reason: a status, its sentence, and google.rpc.ErrorInfo. */
export function errorOf(reason: string, entry: ReasonEntry, extras: ErrorExtras = {}): ConnectError {
  const { detail, metadata = {}, domain = errorDomain, details = [], cause } = extras;
  const info = { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain, metadata }) };
  const said = detail === undefined ? [] : [localized(detail)];
  const headers = new Headers(extras.headers);
  if (entry.challenge !== undefined && !headers.has('www-authenticate')) {
    headers.set('www-authenticate', entry.challenge);
  }
  const error = new ConnectError(entry.title, entry.code, headers, [info, ...said, ...details], cause);
  ours.add(error);
  return error;
}

function localized(message: string) {
  return { desc: LocalizedMessageSchema, value: create(LocalizedMessageSchema, { locale: 'en', message }) };
}

/** Longest detail of another's error that is passed on, in characters. */
const longestDetail = 500;

/** What an error says beyond its reason's sentence; undefined where it says nothing more. */
export function detailOf(error: unknown): string | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(LocalizedMessageSchema)[0]?.message.slice(0, longestDetail) || undefined;
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
