import type { Socket } from 'node:net';
import { ConnectionFault, errorCode } from './frames.ts';

/** Answers to PING and SETTINGS frames that may wait for the server to read them. */
const maxAnswers = 10_000;
/** How long the server may take to read the last frames, ms. */
const patience = 5_000;

/** What a connection is about to send: one write for all frames of a turn of the event loop. */
export class Outbox {
  readonly #socket: Socket;
  #frames: Buffer[] = [];
  #write = 1;
  #answers = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Number of the write that the next frame is part of. Frames with this number have not been sent. */
  get write(): number {
    return this.#write;
  }

  push(frame: Buffer): void {
    if (this.#frames.push(frame) === 1) setImmediate(this.flush);
  }

  /**
   * Sends an answer to a frame of the server.
   * @throws ConnectionFault if the server demands answers and does not read them
   */
  answer(frame: Buffer): void {
    this.#answers += 1;
    if (this.#answers > maxAnswers) {
      throw new ConnectionFault(errorCode.enhanceYourCalm, 'the server does not read the answers to its frames');
    }
    this.push(frame);
  }

  /** Sends what waits now. */
  readonly flush = (): void => {
    if (this.#frames.length === 0 || !this.#socket.writable) return;
    const frames = this.#frames;
    this.#frames = [];
    this.#write += 1;
    this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames), this.#written);
  };

  readonly #written = (): void => {
    this.#answers = 0;
  };

  /** Sends what waits, and closes the socket, at the latest after some seconds. */
  end(): void {
    this.flush();
    const late = setTimeout(() => this.#socket.destroy(), patience).unref();
    this.#socket.once('close', () => clearTimeout(late));
    this.#socket.destroySoon();
  }
}
