import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { misuse } from '../failures.ts';

/** A file to import, or standard input (`-`). */
export interface Input {
  readonly name: string;
  readonly isStandardInput: boolean;
  /** Reads from the start. @throws CommandFailure if the file cannot be read */
  read(): AsyncGenerator<Buffer>;
  /** Ends what reads it. An open standard input would keep the process alive. */
  close(): void;
}

/** Opens inputs by name. */
export function inputsOf(files: readonly string[]): Input[] {
  return files.map((file) => {
    const opened = new Set<Readable>();
    const isStandardInput = file === '-';
    return {
      name: isStandardInput ? 'standard input' : file,
      isStandardInput,
      async *read() {
        try {
          const stream = isStandardInput ? process.stdin : (await open(file)).createReadStream();
          opened.add(stream);
          yield* stream as AsyncIterable<Buffer>;
        } catch (error) {
          if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
          throw misuse(`${file} cannot be read (${String(error.code)}).`);
        }
      },
      close() {
        for (const stream of opened) stream.destroy();
      },
    };
  });
}

/** Bytes that are looked at to recognize the kind of a file. */
const looked = 4_096;

/** What a file looks like by its first bytes. */
export type Kind = 'empty' | 'array' | 'object' | 'lines' | 'text';

/**
 * Recognizes the kind of a file. lines: begins with a brace, and is not laid out over several lines, so that it may be
 * JSON Lines. object: a JSON object over several lines. text: no JSON, such as CSV.
 * Returns the kind and the bytes, complete.
 * @throws CommandFailure if the file is UTF-16 or compressed
 */
export async function recognized(
  input: Input,
): Promise<{ readonly kind: Kind; readonly bytes: AsyncGenerator<Buffer> }> {
  const chunks = input.read();
  const head: Buffer[] = [];
  let size = 0;
  while (size < looked) {
    const next = await chunks.next();
    if (next.done) break;
    head.push(next.value);
    size += next.value.length;
  }
  const start = Buffer.concat(head);
  const magic = start.toString('hex', 0, 2);
  if (magic === 'fffe' || magic === 'feff') throw misuse(`${input.name} is UTF-16: save it as UTF-8.`);
  if (magic === '1f8b') throw misuse(`${input.name} is compressed: unpack it with gunzip.`);
  return {
    kind: kindOf(
      start
        .toString('utf8')
        .replace(/^\uFEFF/, '')
        .trimStart(),
    ),
    bytes: rest(),
  };

  async function* rest(): AsyncGenerator<Buffer> {
    yield* head;
    yield* chunks;
  }
}

function kindOf(text: string): Kind {
  if (text === '') return 'empty';
  if (text.startsWith('[')) return 'array';
  if (!text.startsWith('{')) return 'text';
  const [first = '', ...others] = text.split('\n');
  return others.length > 0 && /[{[,]\s*$/.test(first) ? 'object' : 'lines';
}

/** Decodes UTF-8, without the byte order mark. @throws CommandFailure if it is not UTF-8 */
export async function* textOf(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Buffer) => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw misuse(`${name} is not UTF-8: save it as UTF-8.`);
    }
  };
  for await (const chunk of bytes) yield decode(chunk);
  yield decode();
}
