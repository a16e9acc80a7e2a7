import {
  ConnectionFault,
  defaultFrameSize,
  defaultWindow,
  errorCode,
  frame,
  frameFlag,
  frameType,
  maxWindow,
  requestFrames,
} from './frames.ts';
import type { Outbox } from './outbox.ts';

/** A request whose body is not sent whole. */
interface Unsent {
  readonly id: number;
  readonly body: Buffer;
  sent: number;
  window: number;
}

/** Sends requests as the server's windows allow (RFC 9113 section 5.2). */
export class Sender {
  readonly #outbox: Outbox;
  #window = defaultWindow;
  #windowOfStreams = defaultWindow;
  #frameSize = defaultFrameSize;
  readonly #unsent = new Map<number, Unsent>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Sends a request, or what the windows allow of it now. */
  begin(id: number, block: Buffer, body: Buffer): void {
    if (body.length <= Math.min(this.#window, this.#windowOfStreams, this.#frameSize)) {
      this.#window -= body.length;
      this.#outbox.push(requestFrames(id, block, body, this.#frameSize));
      return;
    }
    this.#outbox.push(requestFrames(id, block, undefined, this.#frameSize));
    const unsent = { id, body, sent: 0, window: this.#windowOfStreams };
    this.#unsent.set(id, unsent);
    this.#continue(unsent);
  }

  /** Sends no more of a request. Returns whether there was more. */
  stop(id: number): boolean {
    return this.#unsent.delete(id);
  }

  /** The server takes more bytes in all. @throws ConnectionFault if the window becomes too large */
  enlargeConnection(bytes: number): void {
    this.#window += bytes;
    if (this.#window > maxWindow) throw new ConnectionFault(errorCode.flowControl, 'the window is too large');
    this.#continueAll();
  }

  /** The server takes more bytes on a stream. Returns false if its window becomes too large. */
  enlarge(id: number, bytes: number): boolean {
    const unsent = this.#unsent.get(id);
    if (!unsent) return true;
    unsent.window += bytes;
    if (unsent.window > maxWindow) return false;
    this.#continue(unsent);
    return true;
  }

  /**
   * The server has changed the window of all streams (RFC 9113 section 6.9.2).
   * @throws ConnectionFault if a window becomes too large
   */
  setWindowOfStreams(bytes: number): void {
    const change = bytes - this.#windowOfStreams;
    this.#windowOfStreams = bytes;
    for (const unsent of this.#unsent.values()) {
      unsent.window += change;
      if (unsent.window > maxWindow) throw new ConnectionFault(errorCode.flowControl, 'the window is too large');
    }
    this.#continueAll();
  }

  setFrameSize(bytes: number): void {
    this.#frameSize = bytes;
  }

  #continueAll(): void {
    for (const unsent of this.#unsent.values()) {
      if (this.#window <= 0) return;
      this.#continue(unsent);
    }
  }

  #continue(unsent: Unsent): void {
    const { id, body } = unsent;
    for (;;) {
      const size = Math.min(this.#window, unsent.window, this.#frameSize, body.length - unsent.sent);
      if (size <= 0) return;
      const part = body.subarray(unsent.sent, unsent.sent + size);
      unsent.sent += size;
      unsent.window -= size;
      this.#window -= size;
      const isLast = unsent.sent === body.length;
      this.#outbox.push(frame(frameType.data, isLast ? frameFlag.endStream : 0, id, part));
      if (isLast) return void this.#unsent.delete(id);
    }
  }
}
