import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

/** A structured logger. */
export type Log = Logger;

/** How to log. */
export interface LogOptions {
  /** The least severe level that is written. */
  readonly level: string;
  /** Lines for people or for machines. */
  readonly format: 'pretty' | 'json';
  /** Where lines go; standard output unless told. */
  readonly destination?: pino.DestinationStream;
  /** Fields of every line, read as it is written: the ids of the current call (kit/call). */
  readonly ids?: () => object;
}

/**
 * Creates a logger. Secrets print as `[redacted]` because of their type (secret.ts).
 */
export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? standardOutput();
  const stream =
    options.format === 'pretty'
      ? pretty({ destination, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true })
      : destination;
  const { isoTime: timestamp } = pino.stdTimeFunctions;
  const mixin = options.ids && { mixin: options.ids };
  return pino({ level: options.level, base: null, timestamp, ...mixin }, stream);
}

/** Standard output, which may end before us: a terminal that closes, a reader of a pipe that dies. Lines are lost then. */
function standardOutput(): pino.DestinationStream {
  const output = pino.destination(1);
  output.on('error', () => undefined);
  return output;
}

/** A logger that writes nothing. */
export const silentLog: Log = pino({ level: 'silent' });
