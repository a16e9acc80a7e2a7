import { create } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { type ErrorExtras, errorOf, isOurs } from '#kit/guard/error.ts';
import type { ReasonEntry } from '#kit/guard/reasons.ts';
import { isDatabaseAway } from './away.ts';
import { infoOf, statusKey } from './error-info.ts';
import { isKitReason, type KitReason, kitReasons, reasonOfCode, type Reasons } from './reasons.ts';

/** One field of a request and what is wrong with it. */
export interface FieldViolation {
  /** Path of the field, in the proto's names: `nested.label`. */
  readonly field: string;
  /** What is wrong, in words. */
  readonly description: string;
}

/** What a failure may carry besides its reason. */
export interface FailureOptions extends Pick<ErrorExtras, 'headers' | 'detail' | 'metadata' | 'domain' | 'cause'> {
  /** The fields at fault, sent as google.rpc.BadRequest. */
  readonly fields?: readonly FieldViolation[];
  /** Seconds after which trying again makes sense, sent as Retry-After. */
  readonly retryAfter?: number;
}

/** Most fields that an error names: an answer to bad input has a bound, whatever the input. */
export const mostViolations = 20;

/** Longest name of a field in an error, in characters. */
const longestField = 200;

/** Creates the error of one of the kit's reasons, for a handler or a domain rule to throw. It names at most 20 fields. */
export function failure(reason: KitReason, options?: FailureOptions): ConnectError {
  return createFailure(reason, kitReasons[reason], options);
}

/**
 * The function that creates the errors of a service's reasons, and of the kit's:
 *
 *     export const failure = failureOf(reasons);
 *     throw failure('RIDE_STATE', { metadata: { state } });
 */
export function failureOf<R extends Reasons>(reasons: R) {
  const known: Reasons = { ...reasons, ...kitReasons };
  return (reason: (keyof R & string) | KitReason, options?: FailureOptions): ConnectError => {
    const entry = known[reason];
    if (!entry) throw new Error(`${reason} is not a reason of this service`);
    return createFailure(reason, entry, options);
  };
}

/** Creates the error of a reason, whoever owns it. Only services' reasons carry their status: the kit's are known. */
export function createFailure(reason: string, entry: ReasonEntry, options: FailureOptions = {}): ConnectError {
  const { fields, retryAfter, metadata, ...extras } = options;
  const headers = new Headers(options.headers);
  if (retryAfter !== undefined) headers.set('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
  const fieldViolations = fields
    ?.slice(0, mostViolations)
    .map(({ field, description }) => ({ field: field.slice(0, longestField), description }));
  const details = fieldViolations?.length
    ? [{ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) }]
    : [];
  const status = isKitReason(reason) ? {} : { [statusKey]: String(entry.status) };
  return errorOf(reason, entry, { ...extras, headers, details, metadata: { ...metadata, ...status } });
}

/** The reason in an error, whichever service gave it; undefined in an error without one that is believed. */
export function reasonOf(error: unknown): string | undefined {
  return infoOf(error)?.reason;
}

/** The fields at fault that an error names; none in an error of another kind. */
export function violationsOf(error: unknown): FieldViolation[] {
  if (!(error instanceof ConnectError)) return [];
  return error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations.map(({ field, description }) => ({ field, description })));
}

/**
 * Decides what leaves the process: errors with a reason, Signet's or translated by us, as they are; any other
 * under the reason of its code, a masked one as INTERNAL; a database that is away
 * as SERVICE_UNAVAILABLE. Its text is kept as the cause, for the log alone.
 */
export function outward(error: unknown): ConnectError {
  if (isDatabaseAway(error)) return failure('SERVICE_UNAVAILABLE', { retryAfter: 1, cause: error });
  if (!(error instanceof ConnectError)) return failure('INTERNAL', { cause: error });
  if (reasonOf(error) !== undefined && isOurs(error)) return error;
  const reason = reasonOfCode(error.code);
  return failure(reason, { cause: error, ...(reason === 'SERVICE_UNAVAILABLE' ? { retryAfter: 1 } : {}) });
}
