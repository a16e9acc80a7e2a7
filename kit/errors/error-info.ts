import { create } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { type ErrorInfo, ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { errorDomain } from '#kit/guard/error.ts';
import { isErrorStatus, isKitReason, isMasked, kitReasons, reasonForm, reasonOfCode } from './reasons.ts';

/** Key of ErrorInfo.metadata under which a service's reason carries its HTTP status to the edge. */
export const statusKey = 'http_status';

/**
 * The ErrorInfo of an error, where it is believed; undefined in any other error.
 * A reason of the kit is believed in the domain `signet` and with its own code
 * only: no other server refuses in the guard's name. A code that is masked says
 * nothing but INTERNAL.
 */
export function infoOf(error: unknown): ErrorInfo | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorInfoSchema).find(({ reason, domain }) => {
    if (isKitReason(reason)) return domain === errorDomain && kitReasons[reason].code === error.code;
    return reasonForm.test(reason) && !isMasked(error.code);
  });
}

/** The HTTP status of an error: its reason's, else its code's. */
export function httpStatusOf(error: ConnectError): number {
  const info = infoOf(error);
  if (info && isKitReason(info.reason)) return kitReasons[info.reason].status;
  const given = Number(info?.metadata[statusKey]);
  return isErrorStatus(given) ? given : kitReasons[reasonOfCode(error.code)].status;
}

/** What an ErrorInfo says besides its reason, without the HTTP status. */
export function metadataOf(info: ErrorInfo | undefined): Record<string, string> {
  const { [statusKey]: _, ...metadata } = info?.metadata ?? {};
  return metadata;
}

/** The same error without the HTTP status of its reason, which travels between services only. */
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
