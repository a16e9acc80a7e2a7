const lineEnd = 0x0a;

/** A line of a file, counted from 1. */
export interface Line {
  readonly number: number;
  /** Without the line end. Undefined if the line exceeds the maximum length. */
  readonly bytes: Buffer | undefined;
}

/**
 * Splits a stream into lines. Memory use is bounded by the maximum line length.
 * @param longest maximum line length, bytes; longer lines are discarded
 */
export async function* linesOf(input: AsyncIterable<Buffer>, longest: number): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let size = 0;
  function add(part: Buffer): void {
    size += part.length;
    if (size <= longest) parts.push(part);
    else parts = [];
  }
  function end(): Line {
    number += 1;
    const line = { number, bytes: size <= longest ? Buffer.concat(parts) : undefined };
    parts = [];
    size = 0;
    return line;
  }
  for await (const chunk of input) {
    let from = 0;
    for (let at = chunk.indexOf(lineEnd); at >= 0; at = chunk.indexOf(lineEnd, from)) {
      add(chunk.subarray(from, at));
      yield end();
      from = at + 1;
    }
    add(chunk.subarray(from));
  }
  if (size > 0) yield end();
}
