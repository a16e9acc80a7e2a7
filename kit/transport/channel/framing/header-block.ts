import { maxFieldBytes } from '../session.ts';
import { ConnectionFault, errorCode } from './frames.ts';

/** Frames of a block. A list of the longest allowed fields needs five; without this limit, empty ones could go on for ever. */
const maxFrames = 32;

/** A block of fields that comes in several frames: HEADERS and CONTINUATION. */
export class HeaderBlock {
  readonly stream: number;
  /** The flags of the HEADERS frame. */
  readonly flags: number;
  readonly #parts: Buffer[] = [];
  #size = 0;

  constructor(stream: number, flags: number) {
    this.stream = stream;
    this.flags = flags;
  }

  /** @throws ConnectionFault if the block is longer than any allowed list of fields */
  add(part: Buffer): void {
    this.#size += part.length;
    if (this.#parts.push(Buffer.from(part)) > maxFrames || this.#size > maxFieldBytes) {
      throw new ConnectionFault(errorCode.enhanceYourCalm, 'a list of fields is too long');
    }
  }

  /** Returns the whole block. */
  bytes(): Buffer {
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#size);
  }
}
