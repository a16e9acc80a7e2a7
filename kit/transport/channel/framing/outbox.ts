import type { Socket } from 'node:net';
import { ConnectionFault, errorCode } from './frames.ts';

/** Answers to the server's frames that may wait for it to read. */
const maxAnswers = 1_000;

/** What a connection is about to send: one write for all frames of a turn of the event loop. */
export class Outbox {
  readonly #socket: Socket;
  #frames: Buffer[] = [];
  #answers = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  push(frame: Buffer): void {
    if (this.#frames.push(frame) === 1) setImmediate(this.flush);
  }

  /**
   * Sends an answer to a frame of the server.
   * @throws ConnectionFault if the server demands answers and does not read them
   */
  answer(frame: Buffer): void {
    if ((this.#answers += 1) > maxAnswers) throw new ConnectionFault(errorCode.enhanceYourCalm, 'too many frames');
    this.push(frame);
  }

  /** Sends what waits now. */
  readonly flush = (): void => {
    const frames = this.#frames;
    this.#frames = [];
    if (frames.length === 0 || !this.#socket.writable) return;
    this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames), this.#written);
  };

  readonly #written = (): void => {
    this.#answers = 0;
  };

  /** Sends what waits, and closes the socket. */
  end(): void {
    this.flush();
    this.#socket.destroySoon();
  }
}
