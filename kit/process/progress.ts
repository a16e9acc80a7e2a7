/** Where progress is written. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Tells a person what is being done, a line a step, with the time that each took.
 * On a terminal the step is named while it runs; elsewhere, where other lines may
 * come between, when it is done.
 */
export function createProgress(out: ProgressOutput = process.stdout) {
  return async function step<T>(what: string, work: () => Promise<T>, said: (result: T) => string): Promise<T> {
    const before = performance.now();
    const name = `  ${what.padEnd(12)} `;
    // The carriage return lets a log line, or the result, take the place of it.
    if (out.isTTY) out.write(`${name}...\r`);
    const end = (result: string) => {
      const seconds = ((performance.now() - before) / 1_000).toFixed(1);
      out.write(`${name}${result} (${seconds} s)\n`);
    };
    try {
      const result = await work();
      end(said(result));
      return result;
    } catch (error) {
      end('failed');
      throw error;
    }
  };
}
