/** Types of frames (RFC 9113 section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames. */
export const frameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes (RFC 9113 section 7). */
export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

/** Settings (RFC 9113 section 6.5.2). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Payload of a frame that an endpoint accepts if it says nothing else, bytes. */
export const defaultFrameSize = 16_384;
/** Largest window, and largest id of a stream. */
export const maxWindow = 2 ** 31 - 1;
/** Window before the first update, bytes. */
export const defaultWindow = 65_535;

const headLength = 9;
const idMask = 0x7fff_ffff;

/** A connection error (RFC 9113 section 5.4.1): the connection cannot be used any more. */
export class ConnectionFault extends Error {
  /** One of `errorCode`. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Returns a frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headLength + payload.length);
  writeHead(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, headLength);
  return bytes;
}

/** Returns a frame whose payload is an integer of 32 bits: RST_STREAM or WINDOW_UPDATE. */
export function uint32Frame(type: number, stream: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(headLength + 4);
  writeHead(bytes, 0, 4, type, 0, stream);
  bytes.writeUInt32BE(value, headLength);
  return bytes;
}

/** Returns a SETTINGS frame. */
export function settingsFrame(values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(6 * values.length);
  for (const [index, [id, value]] of values.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(frameType.settings, 0, 0, payload);
}

/** Returns a GOAWAY frame of a client, which has processed no stream of the server. */
export function goAwayFrame(code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(code, 4);
  return frame(frameType.goAway, 0, 0, payload);
}

/**
 * Returns the frames of a request in one buffer: HEADERS, CONTINUATION if the block is long, and, when the body fits into
 * one frame, DATA.
 * @param body undefined: it is sent later
 * @param size largest payload
 */
export function requestFrames(stream: number, block: Buffer, body: Uint8Array | undefined, size: number): Buffer {
  const parts = Math.max(1, Math.ceil(block.length / size));
  const bytes = Buffer.allocUnsafe(headLength * parts + block.length + (body ? headLength + body.length : 0));
  let at = 0;
  for (let part = 0; part < parts; part += 1) {
    const end = Math.min(block.length, (part + 1) * size);
    const flags = part === parts - 1 ? frameFlag.endHeaders : 0;
    const type = part === 0 ? frameType.headers : frameType.continuation;
    writeHead(bytes, at, end - part * size, type, flags, stream);
    at += headLength;
    at += block.copy(bytes, at, part * size, end);
  }
  if (body) {
    writeHead(bytes, at, body.length, frameType.data, frameFlag.endStream, stream);
    bytes.set(body, at + headLength);
  }
  return bytes;
}

function writeHead(bytes: Buffer, at: number, length: number, type: number, flags: number, stream: number): void {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(stream, at + 5);
}

/** Handles a frame. The payload may share its memory with the bytes that came. */
export type HandleFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

/** Takes frames out of the bytes of a connection. */
export class FrameReader {
  readonly #handle: HandleFrame;
  readonly #maxPayload: number;
  /** The head of a frame that has not arrived whole. */
  readonly #head = Buffer.alloc(headLength);
  #headFilled = 0;
  /** The payload of a frame that has not arrived whole. */
  #payload: Buffer | undefined;
  #payloadFilled = 0;

  /** @param maxPayload longest payload of a frame, bytes */
  constructor(handle: HandleFrame, maxPayload = defaultFrameSize) {
    this.#handle = handle;
    this.#maxPayload = maxPayload;
  }

  /** @throws ConnectionFault if a frame is larger than allowed, and what `handle` throws */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload) {
        at += this.#fill(chunk, at);
      } else if (this.#headFilled === 0 && chunk.length - at >= headLength) {
        at = this.#begin(chunk, at, chunk, at + headLength);
      } else {
        const copied = chunk.copy(this.#head, this.#headFilled, at, at + headLength - this.#headFilled);
        at += copied;
        this.#headFilled += copied;
        if (this.#headFilled < headLength) return;
        this.#headFilled = 0;
        at = this.#begin(this.#head, 0, chunk, at);
      }
    }
  }

  /** Handles a frame if its payload is there, and begins to collect it otherwise. Returns where the next frame begins. */
  #begin(head: Buffer, from: number, chunk: Buffer, at: number): number {
    const length = head.readUIntBE(from, 3);
    if (length > this.#maxPayload) throw new ConnectionFault(errorCode.frameSize, 'a frame is too large');
    const end = at + length;
    if (end <= chunk.length) {
      this.#handle(head[from + 3]!, head[from + 4]!, head.readUInt32BE(from + 5) & idMask, chunk.subarray(at, end));
      return end;
    }
    if (head !== this.#head) head.copy(this.#head, 0, from, from + headLength);
    this.#payload = Buffer.allocUnsafe(length);
    this.#payloadFilled = chunk.copy(this.#payload, 0, at);
    return chunk.length;
  }

  /** Returns the number of bytes taken. */
  #fill(chunk: Buffer, at: number): number {
    const payload = this.#payload!;
    const copied = chunk.copy(payload, this.#payloadFilled, at);
    this.#payloadFilled += copied;
    if (this.#payloadFilled === payload.length) {
      this.#payload = undefined;
      this.#handle(this.#head[3]!, this.#head[4]!, this.#head.readUInt32BE(5) & idMask, payload);
    }
    return copied;
  }
}
