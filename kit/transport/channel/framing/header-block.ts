import { maxFieldBytes } from '../session.ts';
import { ConnectionFault, errorCode } from './frames.ts';

/** Frames of a block. The longest allowed one needs five; without this limit, empty ones could go on for ever. */
const maxFrames = 32;

/** A field block, in a HEADERS frame and any number of CONTINUATION frames. */
export class HeaderBlock {
  readonly stream: number;
  /** The flags of the HEADERS frame. */
  readonly flags: number;
  #parts: Buffer[] = [];
  #frames = 0;
  #size = 0;

  constructor(stream: number, flags: number) {
    this.stream = stream;
    this.flags = flags;
  }

  /** @throws ConnectionFault if the block has too many frames */
  add(part: Buffer): void {
    this.#frames += 1;
    this.#size += part.length;
    if (this.#frames > maxFrames) throw new ConnectionFault(errorCode.enhanceYourCalm, 'a field block is too long');
    if (this.#size > maxFieldBytes) this.#parts = [];
    else this.#parts.push(part);
  }

  /** Returns the whole block; undefined if it is longer than any allowed list of fields. */
  bytes(): Buffer | undefined {
    if (this.#size > maxFieldBytes) return undefined;
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#size);
  }
}
