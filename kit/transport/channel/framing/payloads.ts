import { ConnectionFault, defaultFrameSize, errorCode, frameFlag, maxWindow, setting } from './frames.ts';

/** The settings of a server that concern a client which sends requests. */
export interface Settings {
  readonly streams?: number;
  readonly window?: number;
  readonly frameSize?: number;
}

/** Reads the payload of a SETTINGS frame. @throws ConnectionFault if it is invalid (RFC 9113 section 6.5) */
export function readSettings(payload: Buffer): Settings {
  if (payload.length % 6 !== 0) throw wrongSize();
  const settings: { streams?: number; window?: number; frameSize?: number } = {};
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case setting.enablePush:
        if (value !== 0) throw new ConnectionFault(errorCode.protocol, 'a server cannot allow to push');
        break;
      case setting.maxConcurrentStreams:
        settings.streams = value;
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
  if (mayHavePriority && flags & frameFlag.priority) from += 5;
  if (from > to) throw new ConnectionFault(errorCode.protocol, 'a frame has more padding than content');
  return payload.subarray(from, to);
}

/** The fault of a frame whose payload has the wrong size. */
export function wrongSize(): ConnectionFault {
  return new ConnectionFault(errorCode.frameSize, 'a frame has the wrong size');
}
