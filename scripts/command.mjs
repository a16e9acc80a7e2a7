// Runs a program quietly. Plain JavaScript, because it runs before the pinned Node is installed.
import { spawn } from 'node:child_process';

/** A failed program; `output` is its complete output. */
export class CommandError extends Error {
  constructor(message, output) {
    super(message);
    this.name = 'CommandError';
    this.output = output;
  }
}

/** Running programs. They are ended with this process. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill();
});

/**
 * Runs a program to its end and returns its output, both streams interleaved.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<string>}
 */
export function runQuietly(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => {
      running.delete(child);
      reject(new CommandError(`failed to run ${program}: ${error.message}`, ''));
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      const output = Buffer.concat(chunks).toString();
      if (code === 0) resolve(output);
      else reject(new CommandError(`${[program, ...args].join(' ')} exited with ${code ?? signal}`, output));
    });
  });
}
