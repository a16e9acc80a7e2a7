import { create } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { type ErrorExtras, errorOf, isOurs } from '#kit/guard/error.ts';
import type { ReasonEntry } from '#kit/guard/reasons.ts';
import { isDatabaseAway } from './away.ts';
import { infoOf, statusKey } from './error-info.ts';
import { isKitReason, type KitReason, kitReasons, reasonOfCode, type Reasons } from './reasons.ts';
import type { FieldViolation } from './violations.ts';

export { type FieldViolation, violationsOf } from './violations.ts';

/** Optional parts of a failure. */
export interface FailureOptions extends Pick<ErrorExtras, 'headers' | 'detail' | 'metadata' | 'domain' | 'cause'> {
  /** Invalid fields, sent as google.rpc.BadRequest. */
  readonly fields?: readonly FieldViolation[];
  /** Delay before a retry, in seconds, sent as Retry-After. */
  readonly retryAfter?: number;
}

/** Maximum number of fields in an error, which limits the size of the response. */
export const maxViolations = 20;

/** Maximum length of a field's name in an error, in characters. */
const longestField = 200;

/** Maximum length of the reason of a field (google.rpc.BadRequest.FieldViolation), in characters. */
const longestReason = 63;

/** Creates the error of one of the kit's reasons. It names at most 20 fields. */
export function failure(reason: KitReason, options?: FailureOptions): ConnectError {
  return createFailure(reason, kitReasons[reason], options);
}

/**
 * Returns the function that creates the errors of a service's reasons and of the kit's:
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

/** Creates the error of any reason. Only services' reasons carry their HTTP status: every service knows the kit's. */
export function createFailure(reason: string, entry: ReasonEntry, options: FailureOptions = {}): ConnectError {
  const { fields, retryAfter, metadata, ...extras } = options;
  const headers = new Headers(options.headers);
  if (retryAfter !== undefined) headers.set('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
  const fieldViolations = fields?.slice(0, maxViolations).map(({ field, description, reason: fault }) => ({
    field: field.slice(0, longestField),
    description,
    reason: fault.slice(0, longestReason),
  }));
  const details = fieldViolations?.length
    ? [{ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) }]
    : [];
  const status = isKitReason(reason) ? {} : { [statusKey]: String(entry.status) };
  return errorOf(reason, entry, { ...extras, headers, details, metadata: { ...metadata, ...status } });
}

/** Returns the reason of an error of any service; undefined without a trusted one. */
export function reasonOf(error: unknown): string | undefined {
  return infoOf(error)?.reason;
}

/**
 * Converts an error to the one that leaves the process. An error with a reason,
 * Signet's own or a translated one, is not changed. An unavailable database becomes
 * SERVICE_UNAVAILABLE. Any other error gets the reason of its code, or INTERNAL if
 * the code is masked; the original error is kept as the cause, for the log only.
 */
export function outward(error: unknown): ConnectError {
  if (isDatabaseAway(error)) return failure('SERVICE_UNAVAILABLE', { retryAfter: 1, cause: error });
  if (!(error instanceof ConnectError)) return failure('INTERNAL', { cause: error });
  if (reasonOf(error) !== undefined && isOurs(error)) return error;
  const reason = reasonOfCode(error.code);
  return failure(reason, { cause: error, ...(reason === 'SERVICE_UNAVAILABLE' ? { retryAfter: 1 } : {}) });
}
