import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, LocalizedMessageSchema } from '../../gen/proto/google/rpc/error_details_pb.ts';
import { type GuardReason, guardReasons, type ReasonEntry } from './reasons.ts';

/** ErrorInfo.domain of all errors of Signet. */
export const errorDomain = 'signet';

/** Optional parts of an error. */
export interface ErrorExtras {
  /** Response headers, for example WWW-Authenticate. */
  readonly headers?: HeadersInit;
  /** Details beyond the reason's title, for people. Sent as google.rpc.LocalizedMessage. */
  readonly detail?: string;
  /** ErrorInfo.metadata, for programs. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** ErrorInfo.domain, if the reason belongs to another system. */
  readonly domain?: string;
  /** Further google.rpc details. */
  readonly details?: readonly { desc: DescMessage; value: MessageInitShape<DescMessage> }[];
  /** For the log. It is never sent to a client. */
  readonly cause?: unknown;
}

/** Errors created in this process, translated upstream errors included. */
const ours = new WeakSet<ConnectError>();

/** Whether `errorOf` created the error in this process, or its domain is Signet's. Other errors are untranslated upstream errors. */
export function isOurs(error: ConnectError): boolean {
  return ours.has(error) || signetReasonOf(error) !== undefined;
}

/** Creates the error of a reason, with status, title and google.rpc.ErrorInfo. */
export function errorOf(reason: string, entry: ReasonEntry, extras: ErrorExtras = {}): ConnectError {
  const { detail, metadata = {}, domain = errorDomain, details = [], cause } = extras;
  const info = { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain, metadata }) };
  const message = detail === undefined ? [] : [localized(detail)];
  const headers = new Headers(extras.headers);
  if (entry.challenge !== undefined && !headers.has('www-authenticate')) {
    headers.set('www-authenticate', entry.challenge);
  }
  const error = new ConnectError(entry.title, entry.code, headers, [info, ...message, ...details], cause);
  ours.add(error);
  return error;
}

function localized(message: string) {
  return { desc: LocalizedMessageSchema, value: create(LocalizedMessageSchema, { locale: 'en', message }) };
}

/** Maximum length of a forwarded detail, in characters. */
const longestDetail = 500;

/** Returns the detail of an error (google.rpc.LocalizedMessage), undefined without one. */
export function detailOf(error: unknown): string | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(LocalizedMessageSchema)[0]?.message.slice(0, longestDetail) || undefined;
}

/** Creates the error of one of the guard's reasons. */
export function refusal(reason: GuardReason, extras?: ErrorExtras): ConnectError {
  return errorOf(reason, guardReasons[reason], extras);
}

/** Creates INVALID_TOKEN. `why` is only for the log and must not contain the token. */
export function invalidToken(why: string, cause?: unknown): ConnectError {
  return refusal('INVALID_TOKEN', { cause: new Error(why, { cause }) });
}

/** Creates REVOCATIONS_STALE: revocation data is missing or too old. */
export function staleRevocations(): ConnectError {
  return refusal('REVOCATIONS_STALE', { headers: { 'retry-after': '1' } });
}

/** Returns the reason of a Signet error, local or received; undefined for other errors. */
export function signetReasonOf(error: unknown): string | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain)?.reason;
}

/** Returns the ErrorInfo.metadata of a Signet error; undefined for other errors. */
export function metadataOf(error: unknown): Readonly<Record<string, string>> | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain)?.metadata;
}

/** Returns the guard's reason of an error; undefined for other errors. */
export function refusalReasonOf(error: unknown): GuardReason | undefined {
  const reason = signetReasonOf(error);
  return reason !== undefined && Object.hasOwn(guardReasons, reason) ? (reason as GuardReason) : undefined;
}
