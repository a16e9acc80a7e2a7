import { Code, ConnectError } from '@connectrpc/connect';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { Metadata, type status as Status, type StatusObject } from '@grpc/grpc-js';

// Connect and grpc-js each have an enum of gRPC's status codes; the numbers are gRPC's in both.

/** Connect's Headers as grpc-js Metadata. Keys that end in `-bin` carry base64 in Headers, bytes in Metadata. */
export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of headers) {
    if (key.endsWith('-bin'))
      for (const part of value.split(',')) metadata.add(key, Buffer.from(part.trim(), 'base64'));
    // gRPC carries printable ASCII and nothing else; what a browser sent besides stays behind.
    else if (/^[\x20-\x7e]*$/.test(value)) metadata.add(key, value);
  }
  return metadata;
}

/** grpc-js Metadata as Connect's Headers. A key that came twice is joined by a comma, as HTTP does. */
export function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const key of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(key)) {
      headers.append(key, typeof value === 'string' ? value : value.toString('base64').replace(/=+$/, ''));
    }
  }
  return headers;
}

/** An error as the status that ends a gRPC call, google.rpc.Status and its details included. */
export function toStatus(error: ConnectError, trailer: Headers = new Headers()): StatusObject {
  const headers = setTrailerStatus(new Headers(trailer), error);
  headers.delete('grpc-status');
  headers.delete('grpc-message');
  return { code: error.code as unknown as Status, details: error.rawMessage, metadata: toMetadata(headers) };
}

/** The status that ended a gRPC call, as the error that Connect's clients throw. */
export function fromStatus({ code, details, metadata }: StatusObject): ConnectError {
  const headers = toHeaders(metadata);
  const found = headers.has('grpc-status-details-bin') ? findTrailerError(headers) : undefined;
  return found ?? new ConnectError(details, code in Code ? (code as unknown as Code) : Code.Unknown, headers);
}
