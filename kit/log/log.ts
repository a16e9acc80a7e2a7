import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { currentCall } from '#kit/rpc/call.ts';

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

/**
 * Makes a logger. Secrets print as `[redacted]` because of their type (secret.ts). Whatever
 * is written on behalf of a call has its request id and trace id, by which lines of all services are joined.
 */
export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? standardOutput();
  const stream =
    options.format === 'pretty'
      ? pretty({ destination, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true })
      : destination;
  const { isoTime: timestamp } = pino.stdTimeFunctions;
  return pino({ level: options.level, base: null, timestamp, mixin: idsOfCall }, stream);
}

/** Standard output, which may end before us: a terminal that closes, a reader of a pipe that dies. Lines are lost then. */
function standardOutput(): pino.DestinationStream {
  const output = pino.destination(1);
  output.on('error', () => undefined);
  return output;
}

function idsOfCall(): object {
  const call = currentCall();
  return call ? { request_id: call.requestId, trace_id: call.trace.traceId } : {};
}

/** A logger that writes nothing. */
export const silentLog: Log = pino({ level: 'silent' });
