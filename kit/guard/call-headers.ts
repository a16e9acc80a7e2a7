import { trimWhitespace } from './whitespace.ts';

/** A field name (RFC 9110 section 5.6.2). */
const nameForm = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A field value (RFC 9110 section 5.5). */
const valueForm = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The headers of a call. They behave like Fetch's `Headers`, except that they iterate in the order of insertion, that they
 * refuse all control characters and that no error quotes a value. They are cheap enough to create several per call.
 */
export class CallHeaders implements Headers {
  readonly #values = new Map<string, string>();
  /** The values of `set-cookie`, which cannot be joined. */
  #cookies: string[] = [];

  /** @throws TypeError on an invalid name or value */
  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (init instanceof CallHeaders) {
      // Validated before.
      for (const [name, value] of init.#values) this.#values.set(name, value);
      this.#cookies = [...init.#cookies];
      return;
    }
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name: string, value: string): void {
    const key = keyOf(name);
    const added = valueOf(value);
    if (key === 'set-cookie') return void this.#cookies.push(added);
    const known = this.#values.get(key);
    this.#values.set(key, known === undefined ? added : `${known}${key === 'cookie' ? '; ' : ', '}${added}`);
  }

  set(name: string, value: string): void {
    const key = keyOf(name);
    const only = valueOf(value);
    if (key === 'set-cookie') this.#cookies = [only];
    else this.#values.set(key, only);
  }

  get(name: string): string | null {
    const key = keyOf(name);
    if (key === 'set-cookie') return this.#cookies.length === 0 ? null : this.#cookies.join(', ');
    return this.#values.get(key) ?? null;
  }

  getSetCookie(): string[] {
    return [...this.#cookies];
  }

  has(name: string): boolean {
    const key = keyOf(name);
    return key === 'set-cookie' ? this.#cookies.length > 0 : this.#values.has(key);
  }

  delete(name: string): void {
    const key = keyOf(name);
    if (key === 'set-cookie') this.#cookies = [];
    else this.#values.delete(key);
  }

  forEach(each: (value: string, key: string, parent: Headers) => void, self?: unknown): void {
    for (const [name, value] of this) each.call(self, value, name, this);
  }

  entries(): HeadersIterator<[string, string]> {
    return this.#cookies.length === 0 ? this.#values.entries() : this.#withCookies();
  }

  *#withCookies(): HeadersIterator<[string, string]> {
    yield* this.#values;
    for (const cookie of this.#cookies) yield ['set-cookie', cookie];
  }

  *keys(): HeadersIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): HeadersIterator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): HeadersIterator<[string, string]> {
    return this.entries();
  }
}

/** The names in use are few: of each, checking and lower case are done once. */
const keys = new Map<string, string>();
/** Limits `keys`, and the length of each, because clients choose names. */
const maxKeys = 1_000;
const maxKeyLength = 64;

function keyOf(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  if (!nameForm.test(name)) throw new TypeError('a header has an invalid name');
  const key = name.toLowerCase();
  if (keys.size < maxKeys && name.length <= maxKeyLength) keys.set(name, key);
  return key;
}

function valueOf(value: string): string {
  const text = trimWhitespace(value);
  if (!valueForm.test(text)) throw new TypeError('a header has an invalid value');
  return text;
}
