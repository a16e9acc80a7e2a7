import { ConnectError } from '@connectrpc/connect';
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { callLine } from './call-line.ts';

/** A structured logger. */
export type Log = Logger;

/** Options of a logger. */
export interface LogOptions {
  /** Minimum level. */
  readonly level: string;
  /** Human-readable or JSON lines. */
  readonly format: 'pretty' | 'json';
  /** Default: standard output. */
  readonly destination?: pino.DestinationStream;
  /** Returns fields of every line, when it is written: the ids of the current call (kit/call). */
  readonly ids?: () => object;
}

/** Creates a logger. Secrets print as `[redacted]` because of their type (secret.ts). */
export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? standardOutput();
  const stream = options.format === 'pretty' ? readable(destination) : destination;
  const { isoTime: timestamp } = pino.stdTimeFunctions;
  const mixin = options.ids && { mixin: options.ids };
  return pino({ level: options.level, base: null, timestamp, serializers: { err: errorFields }, ...mixin }, stream);
}

/** Lines for people: one short line for a request, and pino-pretty's for others. */
function readable(destination: pino.DestinationStream): pino.DestinationStream {
  const others = pretty.prettyFactory({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true });
  return {
    write(line) {
      destination.write(callLine(line) ?? others(line));
    },
  };
}

/**
 * The fields of an error. Those of a ConnectError leave out its headers and its details, which carry the descriptors of
 * their messages; the reason stays.
 */
function errorFields(error: Error): object {
  if (!(error instanceof ConnectError)) return pino.stdSerializers.err(error);
  const { details, metadata: _, ...fields } = pino.stdSerializers.err(error);
  const reason = (details as readonly { value?: { reason?: string } }[]).find(({ value }) => value?.reason)?.value
    ?.reason;
  return { ...fields, ...(reason === undefined ? {} : { reason }) };
}

/**
 * Opens standard output. If it closes before the process ends (a terminal or pipe), lines are dropped: what is left in the
 * buffer would be written again and again at the exit, which then never comes.
 */
function standardOutput(): pino.DestinationStream {
  const output = pino.destination(1);
  let isGone = false;
  output.on('error', () => {
    isGone = true;
    output.destroy();
  });
  return {
    write(line) {
      if (!isGone) output.write(line);
    },
  };
}

/** A logger that writes nothing. */
export const silentLog: Log = pino({ level: 'silent' });
