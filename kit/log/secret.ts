import { inspect } from 'node:util';

const redacted = '[redacted]';

/**
 * A secret value. It prints as `[redacted]` when logged, inspected, converted to a
 * string or serialized to JSON.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** Returns the value. Call it only where the value is used, and do not store the result. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
