import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { errorOf, signetReasonOf } from '#kit/guard/error.ts';
import { isDatabaseAway } from './away.ts';
import { catalogue, isReason, type Reason } from './catalogue.ts';

/** One field of a request and what is wrong with it. */
export interface FieldViolation {
  /** Path of the field, in the proto's names: `nested.label`. */
  readonly field: string;
  /** What is wrong, in words. */
  readonly description: string;
}

/** What a failure may carry besides its reason. */
export interface FailureOptions {
  /** The fields at fault, sent as google.rpc.BadRequest. */
  readonly fields?: readonly FieldViolation[];
  /** Seconds after which trying again makes sense, sent as Retry-After. */
  readonly retryAfter?: number;
  /** Further response headers. */
  readonly headers?: HeadersInit;
  /** For the log; never leaves the process. */
  readonly cause?: unknown;
}

/** Most fields that an error names: an answer to bad input has a bound, whatever the input. */
export const mostViolations = 20;

/** Longest name of a field in an error, in characters. */
const longestField = 200;

/** Creates the error of a reason, for a handler or a domain rule to throw. It names at most 20 fields. */
export function failure(reason: Reason, options: FailureOptions = {}): ConnectError {
  const headers = new Headers(options.headers);
  if (options.retryAfter !== undefined) headers.set('retry-after', String(Math.max(1, Math.ceil(options.retryAfter))));
  const fieldViolations = options.fields
    ?.slice(0, mostViolations)
    .map(({ field, description }) => ({ field: field.slice(0, longestField), description }));
  const details = fieldViolations?.length
    ? [{ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) }]
    : [];
  return errorOf(reason, catalogue[reason], { headers, details, cause: options.cause });
}

/** The catalogue's reason in an error that Signet made; undefined for any other. */
export function reasonOf(error: unknown): Reason | undefined {
  const reason = signetReasonOf(error);
  return reason !== undefined && isReason(reason) ? reason : undefined;
}

/** The fields at fault that an error names; none in an error of another kind. */
export function violationsOf(error: unknown): FieldViolation[] {
  if (!(error instanceof ConnectError)) return [];
  return error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations.map(({ field, description }) => ({ field, description })));
}

const byCode: Partial<Record<Code, Reason>> = {
  [Code.Canceled]: 'CANCELLED',
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.NotFound]: 'NOT_FOUND',
  [Code.ResourceExhausted]: 'PAYLOAD_TOO_LARGE',
  [Code.Unimplemented]: 'UNIMPLEMENTED',
  [Code.Unavailable]: 'SERVICE_UNAVAILABLE',
  [Code.Unauthenticated]: 'TOKEN_REQUIRED',
};

/**
 * Decides what leaves the process: errors with a reason as they are; errors of
 * the transport under the reason of their code; a database that is away as
 * SERVICE_UNAVAILABLE; anything else as INTERNAL. Its text is kept as the cause,
 * for the log alone.
 */
export function outward(error: unknown): ConnectError {
  if (isDatabaseAway(error)) return failure('SERVICE_UNAVAILABLE', { retryAfter: 1, cause: error });
  if (!(error instanceof ConnectError)) return failure('INTERNAL', { cause: error });
  if (reasonOf(error) !== undefined) return error;
  const reason = byCode[error.code] ?? 'INTERNAL';
  return failure(reason, { cause: error, ...(reason === 'SERVICE_UNAVAILABLE' ? { retryAfter: 1 } : {}) });
}
