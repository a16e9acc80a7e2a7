import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, AnySchema } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { StatusSchema } from '#gen/proto/google/rpc/status_pb.ts';
import { httpStatusOf, infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';

/** A response or an error, in protobuf's binary format. */
export type Answer = { readonly response: Uint8Array } | { readonly error: Uint8Array };

const typePrefix = 'type.googleapis.com/';

/** Serializes a response. */
export function answerOf<D extends DescMessage>(output: D, response: MessageShape<D>): Answer {
  return { response: toBinary(output, response) };
}

/** Serializes an error as google.rpc.Status: its code, title and details. */
export function answerOfError({ code, rawMessage: message, details }: ConnectError): Answer {
  return { error: toBinary(StatusSchema, create(StatusSchema, { code, message, details: details.map(toAny) })) };
}

/** Restores an error, with its reason, status, title and details. */
export function errorIn({ error }: { readonly error: Uint8Array }): ConnectError {
  const { code, message, details } = fromBinary(StatusSchema, error);
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- `answerOfError` wrote the code of an error
  const restored = new ConnectError(message, code);
  restored.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typePrefix.length), value }));
  return translateUpstreamError(restored);
}

/** What an error means for its idempotency key. */
export type ErrorClass = 'kept' | 'refused' | 'unknown';

/**
 * Classifies an error. `kept`: status 402 or 409 of a resource that exists, because the metadata names its id. `unknown`:
 * the resource may exist (5xx, cancelled). `refused`: nothing was created.
 * @param error as it leaves the process (`outward`)
 */
export function classOf(error: ConnectError, resourceId: string): ErrorClass {
  const status = httpStatusOf(error);
  if (status >= 499) return 'unknown';
  const namesResource = Object.values(metadataOf(infoOf(error))).includes(resourceId);
  return (status === 402 || status === 409) && namesResource ? 'kept' : 'refused';
}

/** Details are messages in an error that this process created, and bytes in one that it received. */
function toAny(detail: ConnectError['details'][number]): Any {
  if ('desc' in detail) return anyPack(detail.desc, create(detail.desc, detail.value));
  return create(AnySchema, { typeUrl: `${typePrefix}${detail.type}`, value: detail.value });
}
