import { ConnectError } from '@connectrpc/connect';
import { httpStatusOf, infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { createFailure, failure, violationsOf } from '#kit/errors/failure.ts';
import { isKitReason, type KitReason, reasonOfCode } from '#kit/errors/reasons.ts';
import { detailOf } from '#kit/guard/error.ts';

/** Headers of an error that are forwarded to the client. */
const carried = new Set(['www-authenticate', 'retry-after', 'set-cookie', 'idempotent-replayed']);

/**
 * Converts the error of a called service to one for the client, with the same reason,
 * status, title, fields and metadata, and the headers meant for the client. An error
 * without google.rpc.ErrorInfo is converted by its code, without its message. If the
 * service refuses the caller's own token (its key has just been revoked), the error is
 * SERVICE_UNAVAILABLE, because the client did nothing wrong.
 */
export function translateUpstreamError(error: unknown): ConnectError {
  const from = ConnectError.from(error);
  const info = infoOf(from);
  if (!info || info.reason === 'CALLER_NOT_ALLOWED') {
    return ofCode(info ? 'SERVICE_UNAVAILABLE' : reasonOfCode(from.code), error);
  }
  const { reason, domain } = info;
  const detail = detailOf(from);
  const options = {
    fields: violationsOf(from),
    headers: [...from.metadata].filter(([name]) => carried.has(name)),
    metadata: metadataOf(info),
    ...(detail === undefined ? {} : { detail }),
    domain,
    cause: error,
  };
  if (isKitReason(reason)) return failure(reason, options);
  return createFailure(reason, { code: from.code, status: httpStatusOf(from), title: from.rawMessage }, options);
}

function ofCode(reason: KitReason, cause: unknown): ConnectError {
  return failure(reason, { cause, ...(reason === 'SERVICE_UNAVAILABLE' ? { retryAfter: 1 } : {}) });
}
