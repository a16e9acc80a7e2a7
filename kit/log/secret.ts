import { inspect } from 'node:util';

const redacted = '[redacted]';

/**
 * Something that must never be seen: it prints as `[redacted]` wherever it is
 * logged, inspected, joined to a string or put into JSON.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The thing itself. Call it where it is used, and keep what it returns nowhere. */
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
