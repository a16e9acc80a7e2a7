import { Code, ConnectError } from '@connectrpc/connect';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { Metadata, type status as Status, type StatusObject } from '@grpc/grpc-js';

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
  const headers = new Headers();
  for (const key of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(key)) {
      headers.append(key, typeof value === 'string' ? value : value.toString('base64').replace(/=+$/, ''));
    }
  }
  return headers;
}

/** Converts an error to a gRPC status, including google.rpc.Status and its details. */
export function toStatus(error: ConnectError, trailer: Headers = new Headers()): StatusObject {
  const headers = setTrailerStatus(new Headers(trailer), error);
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
