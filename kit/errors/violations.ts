import { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '../../gen/proto/google/rpc/error_details_pb.ts';

/** An invalid field of a request. */
export interface FieldViolation {
  /** Path of the field, in the proto's names: `nested.label`. */
  readonly field: string;
  /** Description of the fault, for people. */
  readonly description: string;
  /** Code of the fault, for programs: at most 63 capitals, digits and underscores. */
  readonly reason: string;
}

/**
 * Returns the invalid fields of an error; empty without google.rpc.BadRequest. A field
 * to which an upstream service gives no reason has the reason INVALID.
 */
export function violationsOf(error: unknown): FieldViolation[] {
  if (!(error instanceof ConnectError)) return [];
  return error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description, reason }) => ({ field, description, reason: reason || 'INVALID' }));
}
