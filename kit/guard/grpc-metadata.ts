import { Code, ConnectError } from '@connectrpc/connect';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { Metadata, type status as Status, type StatusObject } from '@grpc/grpc-js';
import { CallHeaders } from './call-headers.ts';

// Connect and grpc-js have separate enums of status codes. Both use the numbers of gRPC.

/** Converts Headers to grpc-js Metadata. Keys ending in `-bin` hold base64 in Headers and bytes in Metadata. */
export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of headers) {
    if (key.endsWith('-bin'))
      for (const part of value.split(',')) metadata.add(key, Buffer.from(part.trim(), 'base64'));
    // gRPC metadata is printable ASCII only: other values, which a browser may send, are dropped.
    else if (/^[\x20-\x7e]*$/.test(value)) metadata.add(key, value);
  }
  return metadata;
}

/** Converts grpc-js Metadata to Headers. The values of a repeated key are joined with a comma, as in HTTP. */
export function toHeaders(metadata: Metadata): Headers {
  const headers = new CallHeaders();
  for (const [key, values] of Object.entries(metadata.toHttp2Headers())) {
    const isBinary = key.endsWith('-bin');
    for (const value of [values].flat()) headers.append(key, isBinary ? unpadded(String(value)) : String(value));
  }
  return headers;
}

/** Removes the padding of base64. */
function unpadded(text: string): string {
  const end = text.indexOf('=');
  return end === -1 ? text : text.slice(0, end);
}

/** Converts an error to a gRPC status, including google.rpc.Status and its details. */
export function toStatus(error: ConnectError, trailer: Headers = new CallHeaders()): StatusObject {
  const headers = setTrailerStatus(new CallHeaders(trailer), error);
  headers.delete('grpc-status');
  headers.delete('grpc-message');
  return { code: error.code as unknown as Status, details: error.rawMessage, metadata: toMetadata(headers) };
}

/** Converts the status of a gRPC call to the error that Connect clients throw. */
export function fromStatus({ code, details, metadata }: StatusObject): ConnectError {
  const headers = toHeaders(metadata);
  const found = headers.has('grpc-status-details-bin') ? findTrailerError(headers) : undefined;
  return found ?? new ConnectError(details, code in Code ? (code as unknown as Code) : Code.Unknown, headers);
}
