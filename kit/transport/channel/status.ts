import { Code, ConnectError } from '@connectrpc/connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import type { Fields } from './reply.ts';

/** Takes the status from the fields of a response, or of its trailers. */
export function toFields(fields: IncomingHttpHeaders): Fields {
  const headers = new CallHeaders();
  for (const name of Object.keys(fields)) {
    if (name.startsWith(':') || name === 'grpc-status' || name === 'grpc-message') continue;
    const value = fields[name];
    if (Array.isArray(value)) for (const one of value) headers.append(name, one);
    else if (value !== undefined) headers.append(name, value);
  }
  const text = (name: string) => (fields[name] === undefined ? undefined : String(fields[name]));
  return { http: text(':status'), status: text('grpc-status'), message: text('grpc-message'), headers };
}

/** Connect's codes, by number. */
const codes = new Map<string, Code>(
  Object.values(Code).flatMap((code) => (typeof code === 'string' ? [] : [[String(code), code] as const])),
);

/** Returns the error in the trailers of a call, or undefined if it succeeded. Trailers without a valid status are an error. */
export function errorIn({ status = '', message = '', headers: trailer }: Fields): ConnectError | undefined {
  if (status === '0') return undefined;
  const code = codes.get(status);
  if (code === undefined) return new ConnectError('the response has no valid status', Code.Unknown, trailer);
  const all = new CallHeaders(trailer);
  try {
    all.set('grpc-status', status);
    all.set('grpc-message', message);
    const error = findTrailerError(all) ?? new ConnectError('', code, trailer);
    error.metadata.delete('grpc-status');
    error.metadata.delete('grpc-message');
    return error;
  } catch {
    // Text that is not percent-encoded, or details that are no google.rpc.Status: only the code is certain.
    return new ConnectError('', code, trailer);
  }
}

/** Codes by the HTTP status of a response that is not gRPC's, for example of a proxy (doc/http-grpc-status-mapping.md of gRPC). */
const byHttpStatus = new Map([
  ['400', Code.Internal],
  ['401', Code.Unauthenticated],
  ['403', Code.PermissionDenied],
  ['404', Code.Unimplemented],
  ['429', Code.Unavailable],
  ['502', Code.Unavailable],
  ['503', Code.Unavailable],
  ['504', Code.Unavailable],
]);

/** Returns the error of a response that is not gRPC's. */
export function httpError(status: string): ConnectError {
  const code = byHttpStatus.get(status) ?? Code.Unknown;
  return new ConnectError(`the response is not gRPC (HTTP ${status})`, code);
}

/** Codes by the error code of a reset stream (doc/PROTOCOL-HTTP2.md of gRPC). Others are INTERNAL. */
const byReset = new Map<number, Code>([
  [constants.NGHTTP2_REFUSED_STREAM, Code.Unavailable],
  [constants.NGHTTP2_CANCEL, Code.Canceled],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, Code.ResourceExhausted],
  [constants.NGHTTP2_INADEQUATE_SECURITY, Code.PermissionDenied],
]);

/** Returns the error of a stream that was reset, or (code 0) that ended without a status. */
export function resetError(code: number): ConnectError {
  if (code === constants.NGHTTP2_NO_ERROR) return new ConnectError('the response has no trailers', Code.Internal);
  return new ConnectError(`the stream was reset (code ${code})`, byReset.get(code) ?? Code.Internal);
}

/** Returns the error of a call without a connection. */
export function connectionError(message: string, cause: unknown): ConnectError {
  return new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
}
