// Runs a program quietly. Plain JavaScript: it runs before there is a Node of ours.
import { spawn } from 'node:child_process';

/** A program that did not end well; `output` is all that it said. */
export class CommandError extends Error {
  constructor(message, output) {
    super(message);
    this.name = 'CommandError';
    this.output = output;
  }
}

/** Programs that run now. They must not outlive us. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill();
});

/**
 * Runs a program to its end and returns what it said, both streams as they came.
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
      reject(new CommandError(`${program} could not be run: ${error.message}`, ''));
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      const output = Buffer.concat(chunks).toString();
      if (code === 0) resolve(output);
      else reject(new CommandError(`${[program, ...args].join(' ')} ended with ${code ?? signal}`, output));
    });
  });
}
