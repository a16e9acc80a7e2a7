import { create } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { type ErrorInfo, ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { errorDomain } from '#kit/guard/error.ts';
import { isErrorStatus, isKitReason, isMasked, kitReasons, reasonForm, reasonOfCode } from './reasons.ts';

/** Key of ErrorInfo.metadata with the HTTP status of a service's reason, for the edge. */
export const statusKey = 'http_status';

/**
 * Returns the trusted ErrorInfo of an error; undefined without one. A reason of
 * the kit is trusted only in the domain `signet` and with its own code, so other
 * servers cannot refuse in the guard's name. Errors with a masked code have none.
 */
export function infoOf(error: unknown): ErrorInfo | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorInfoSchema).find(({ reason, domain }) => {
    if (isKitReason(reason)) return domain === errorDomain && kitReasons[reason].code === error.code;
    return reasonForm.test(reason) && !isMasked(error.code);
  });
}

/** Returns the HTTP status of an error: that of its reason, otherwise that of its code. */
export function httpStatusOf(error: ConnectError): number {
  const info = infoOf(error);
  if (info && isKitReason(info.reason)) return kitReasons[info.reason].status;
  const given = Number(info?.metadata[statusKey]);
  return isErrorStatus(given) ? given : kitReasons[reasonOfCode(error.code)].status;
}

/** Returns the metadata of an ErrorInfo without the HTTP status. */
export function metadataOf(info: ErrorInfo | undefined): Record<string, string> {
  const { [statusKey]: _, ...metadata } = info?.metadata ?? {};
  return metadata;
}

/** Removes the HTTP status from an error's metadata, which is only for use between services. */
export function withoutHttpStatus(error: ConnectError): ConnectError {
  const infos = error.findDetails(ErrorInfoSchema);
  if (!infos.some(({ metadata }) => Object.hasOwn(metadata, statusKey))) return error;
  const copy = new ConnectError(error.rawMessage, error.code, error.metadata, undefined, error.cause);
  const others = error.details.filter((detail) => typeNameOf(detail) !== ErrorInfoSchema.typeName);
  const cleaned = infos.map((info) => {
    const { reason, domain } = info;
    return { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain, metadata: metadataOf(info) }) };
  });
  copy.details = [...cleaned, ...others];
  return copy;
}

function typeNameOf(detail: ConnectError['details'][number]): string {
  return 'desc' in detail ? detail.desc.typeName : detail.type;
}
