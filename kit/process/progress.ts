/** Tells a person what is being done, a line a step, with the time that each took. */
export function createProgress(out: (text: string) => void = (text) => process.stdout.write(text)) {
  return async function step<T>(what: string, work: () => Promise<T>, said?: (result: T) => string): Promise<T> {
    const before = performance.now();
    out(`  ${what.padEnd(12)} `);
    try {
      const result = await work();
      const seconds = ((performance.now() - before) / 1_000).toFixed(1);
      out(`${said?.(result) ?? 'ok'} (${seconds} s)\n`);
      return result;
    } catch (error) {
      out('failed\n');
      throw error;
    }
  };
}
