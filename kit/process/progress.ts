/** Output of progress. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Creates a progress printer: one line per step, with its duration. On a terminal
 * the line appears when the step starts; elsewhere, where other lines may come
 * between, when it ends.
 */
export function createProgress(out: ProgressOutput = process.stdout) {
  return async function step<T>(what: string, work: () => Promise<T>, summary: (result: T) => string): Promise<T> {
    const before = performance.now();
    const name = `  ${what.padEnd(12)} `;
    // The carriage return lets a log line or the result overwrite it.
    if (out.isTTY) out.write(`${name}...\r`);
    const end = (result: string) => {
      const seconds = ((performance.now() - before) / 1_000).toFixed(1);
      out.write(`${name}${result} (${seconds} s)\n`);
    };
    try {
      const result = await work();
      end(summary(result));
      return result;
    } catch (error) {
      end('failed');
      throw error;
    }
  };
}
