import type { ConnectError } from '@connectrpc/connect';
import type { Answer } from './reply.ts';

/** An address of a service. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A unary call as it is sent. */
export interface Request {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The value of `grpc-timeout`; undefined: without a deadline. */
  readonly timeout: string | undefined;
  readonly header: Headers;
  /** The message with its prefix. */
  readonly body: Buffer;
  /** Longest response, bytes. */
  readonly maxBytes: number;
}

/** Why an attempt failed. */
export interface Failed {
  readonly error: ConnectError;
  /** Whether the server has certainly not seen the call, so that it may be sent again. */
  readonly isUnseen: boolean;
  /** Whether the server began a response, so that not even an idempotent call is sent again. */
  readonly hasResponded: boolean;
}

/** An attempt in progress. */
export interface Attempt {
  readonly outcome: Promise<Answer | Failed>;
  /** Ends the attempt at once with an error, and resets the stream. */
  cancel(): void;
}

/** An HTTP/2 connection to a server of unary gRPC calls. */
export interface Session {
  /** Whether it takes calls. */
  isOpen(): boolean;
  /** Sends a call. If it takes none, the outcome is a failure that the server has not seen. */
  call(request: Request): Attempt;
  /** Asks the server for a sign of life. Nothing is asked on a session that has ended. */
  ping(answered: () => void): void;
  /** Takes no more calls, and ends when those in progress have. */
  close(): void;
  /** Ends it and the calls in progress at once. */
  destroy(error?: Error): void;
}

/** What happens to a session. */
export interface SessionEvents {
  /** The server's settings are there: it takes calls. */
  ready(): void;
  /** The server takes no more calls. */
  leaving(): void;
  /** It has ended. Runs once. */
  closed(error: Error | undefined): void;
}

/** Opens a session without TLS. No event runs before it returns. */
export type OpenSession = (address: Address, authority: string, events: SessionEvents) => Session;

/** Bytes that a server may send before the client has read some of them: on a connection, and for a call. */
export const windows = { connection: 16 * 1024 * 1024, stream: 1024 * 1024 };

/** Longest list of the fields of a response, bytes as HTTP/2 counts them (RFC 9113 section 6.5.2). */
export const maxFieldBytes = 65_535;

/** The fields with which every request begins, except path and authority. */
export const fixedFields = {
  ':method': 'POST',
  ':scheme': 'http',
  'content-type': 'application/grpc+proto',
  te: 'trailers',
  'user-agent': 'signet',
} as const;

/** Headers that only the channel sets. */
const ownHeader =
  /^(?:grpc-|(?:content-type|te|host|connection|keep-alive|proxy-connection|upgrade|http2-settings|user-agent|content-length|transfer-encoding)$)/;

/**
 * Whether a header of a call is sent. gRPC metadata is printable ASCII only: other values, which a browser may send, are
 * dropped.
 */
export function isSent(name: string, value: string): boolean {
  return !ownHeader.test(name) && /^[\x20-\x7e]*$/.test(value);
}
