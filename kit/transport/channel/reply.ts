import { Code, ConnectError } from '@connectrpc/connect';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { errorIn, httpError } from './status.ts';

/** The fields of a response or of its trailers. */
export interface Fields {
  /** `:status`; undefined in trailers. */
  readonly http: string | undefined;
  readonly status: string | undefined;
  readonly message: string | undefined;
  /** All others. */
  readonly headers: CallHeaders;
}

/** A response to a unary call. */
export interface Answer {
  readonly header: Headers;
  readonly trailer: Headers;
  readonly message: Uint8Array;
}

/** Length of the prefix of a message: whether it is compressed, and its length (doc/PROTOCOL-HTTP2.md of gRPC). */
const prefix = 5;

/** Puts the prefix before a message. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefix + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefix);
  return frame;
}

const none = new Uint8Array(0);

/** Collects the response to a unary call. */
export class Reply {
  #header: CallHeaders | undefined;
  #trailer: Fields | undefined;
  #problem: ConnectError | undefined;
  /** What came of the body, in a buffer that may be longer. */
  #body: Uint8Array = none;
  #received = 0;
  readonly #maxBytes: number;

  /** @param maxBytes longest message, bytes */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a response has begun that is not only a status. */
  get hasBegun(): boolean {
    return this.#header !== undefined;
  }

  /** Why the rest of the response is not wanted. */
  get problem(): ConnectError | undefined {
    return this.#problem;
  }

  /** @param isLast whether nothing follows them */
  fields(fields: Fields, isLast: boolean): void {
    if (fields.http === undefined) {
      this.#trailer = fields;
    } else if (
      fields.http !== '200' ||
      !/^application\/grpc(?:\+|;|$)/.test(fields.headers.get('content-type') ?? '')
    ) {
      this.#problem ??= httpError(fields.http);
    } else if (isLast) {
      this.#trailer = fields;
    } else {
      this.#header = fields.headers;
    }
  }

  /** @param chunk may be kept */
  data(chunk: Uint8Array): void {
    if (this.#problem || chunk.length === 0) return;
    const end = this.#received + chunk.length;
    if (end > this.#maxBytes + prefix) {
      this.#body = none;
      this.#problem = new ConnectError('the response is too large', Code.ResourceExhausted);
      return;
    }
    if (this.#received === 0) {
      this.#body = chunk;
    } else {
      // Not a list of chunks: each may be small, and a part of a larger buffer that it would keep.
      if (end > this.#body.length) {
        const larger = Buffer.allocUnsafe(2 * end);
        larger.set(this.#body.subarray(0, this.#received));
        this.#body = larger;
      }
      this.#body.set(chunk, this.#received);
    }
    this.#received = end;
  }

  /** Returns the answer or the error of the response; undefined if it has not ended. */
  outcome(): Answer | ConnectError | undefined {
    if (this.#problem) return this.#problem;
    if (!this.#trailer) return undefined;
    const error = errorIn(this.#trailer);
    if (error) return error;
    const message = messageIn(this.#body.subarray(0, this.#received));
    if (!message) return new ConnectError('the response is not one uncompressed message', Code.Internal);
    return { header: this.#header ?? new CallHeaders(), trailer: this.#trailer.headers, message };
  }
}

/** Returns the message of a body, or undefined if it is not exactly one that is not compressed. */
function messageIn(body: Uint8Array): Uint8Array | undefined {
  if (body.length < prefix || body[0] !== 0) return undefined;
  const length = ((body[1]! << 24) | (body[2]! << 16) | (body[3]! << 8) | body[4]!) >>> 0;
  return length === body.length - prefix ? body.subarray(prefix) : undefined;
}
