import { ConnectionFault, defaultFrameSize, errorCode, frameFlag, maxWindow, setting } from './frames.ts';

/** The settings of a server that concern a client which sends requests. */
export interface Settings {
  /** Calls at once. */
  readonly calls?: number;
  /** Initial window of streams, bytes. */
  readonly window?: number;
  /** Payload of a frame, bytes. */
  readonly frameSize?: number;
  /** Fields of a request, bytes as HTTP/2 counts them. */
  readonly fields?: number;
}

/** Reads the payload of a SETTINGS frame. @throws ConnectionFault if it is invalid (RFC 9113 section 6.5) */
export function readSettings(payload: Buffer): Settings {
  if (payload.length % 6 !== 0) throw wrongSize();
  const settings: { -readonly [Key in keyof Settings]: Settings[Key] } = {};
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case setting.enablePush:
        if (value !== 0) throw new ConnectionFault(errorCode.protocol, 'a server allows to push');
        break;
      case setting.maxConcurrentStreams:
        settings.calls = value;
        break;
      case setting.initialWindowSize:
        if (value > maxWindow) throw new ConnectionFault(errorCode.flowControl, 'the window is too large');
        settings.window = value;
        break;
      case setting.maxFrameSize:
        if (value < defaultFrameSize || value >= 2 ** 24) {
          throw new ConnectionFault(errorCode.protocol, 'the size of frames is out of range');
        }
        settings.frameSize = value;
        break;
      case setting.maxHeaderListSize:
        settings.fields = value;
        break;
      default:
        break;
    }
  }
  return settings;
}

/**
 * Returns the content of a DATA or HEADERS frame without its padding and priority.
 * @throws ConnectionFault if there is more padding than content
 */
export function contentOf(flags: number, payload: Buffer, mayHavePriority: boolean): Buffer {
  let from = 0;
  let to = payload.length;
  if (flags & frameFlag.padded) {
    if (payload.length === 0) throw wrongSize();
    from = 1;
    to -= payload[0]!;
  }
  if (mayHavePriority && flags & frameFlag.priority) {
    from += 5;
    if (from > payload.length) throw wrongSize();
  }
  if (from > to) throw new ConnectionFault(errorCode.protocol, 'a frame has more padding than content');
  return payload.subarray(from, to);
}

/** Returns the increment of a WINDOW_UPDATE of the connection. @throws ConnectionFault if it is 0 */
export function incrementOf(payload: Buffer): number {
  expectSize(payload, 4);
  const increment = payload.readUInt32BE(0) & maxWindow;
  if (increment === 0) throw new ConnectionFault(errorCode.protocol, 'a WINDOW_UPDATE with increment 0');
  return increment;
}

/** @throws ConnectionFault if a payload has another size */
export function expectSize(payload: Buffer, size: number): void {
  if (payload.length !== size) throw wrongSize();
}

/** @throws ConnectionFault if a frame of the connection has a stream */
export function expectConnection(stream: number): void {
  if (stream !== 0) throw new ConnectionFault(errorCode.protocol, 'a frame of the connection has a stream');
}

/** @throws ConnectionFault if a frame of a stream has none */
export function expectStream(stream: number): void {
  if (stream === 0) throw new ConnectionFault(errorCode.protocol, 'a frame of a stream has none');
}

function wrongSize(): ConnectionFault {
  return new ConnectionFault(errorCode.frameSize, 'a frame has the wrong size');
}
