import { ConnectError } from '@connectrpc/connect';
import { httpStatusOf, infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { createFailure, failure, violationsOf } from '#kit/errors/failure.ts';
import { isKitReason, type KitReason, reasonOfCode } from '#kit/errors/reasons.ts';
import { detailOf } from '#kit/guard/error.ts';

/** Headers of an error that are meant for the first caller. */
const carried = new Set(['www-authenticate', 'retry-after', 'set-cookie']);

/**
 * Translates the error of a service that we called into one of ours: the same
 * reason, status and sentence, its fields and metadata, and those of its headers
 * that are for the caller. An error without google.rpc.ErrorInfo is told by its
 * code alone, and never by its message. A service that refuses us, because the
 * key that signed our own token was revoked a moment ago, is unavailable: the
 * caller did nothing that is forbidden.
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
