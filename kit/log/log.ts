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
}

/** Makes a logger. Secrets print as `[redacted]` because of their type (secret.ts). */
export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? pino.destination(1);
  const stream =
    options.format === 'pretty'
      ? pretty({ destination, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true })
      : destination;
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

/** A logger that writes nothing. */
export const silentLog: Log = pino({ level: 'silent' });
