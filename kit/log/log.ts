import { ConnectError } from '@connectrpc/connect';
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { isOutage } from '#kit/errors/away.ts';
import { reasonOf } from '#kit/errors/failure.ts';
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
  const options = { ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true };
  const others = pretty.prettyFactory(options);
  // An error without a stack is printed as any other field.
  const withoutStack = pretty.prettyFactory({ ...options, errorLikeObjectKeys: [] });
  return {
    write(line) {
      destination.write(callLine(line) ?? (line.includes('"stack":') ? others : withoutStack)(line));
    },
  };
}

/**
 * The fields of an error. Those of a ConnectError leave out its headers and its details, which carry the descriptors of
 * their messages; the reason stays. An outage has one sentence, with the messages of its causes, and no stack.
 */
function errorFields(error: Error): object {
  const all = pino.stdSerializers.err(error);
  const reason = reasonOf(error);
  if (isOutage(error)) return { type: all.type, message: sentenceOf(all.message), code: all['code'], reason };
  if (!(error instanceof ConnectError)) return all;
  const { details: _, metadata: __, ...fields } = all;
  return { ...fields, reason };
}

/** A message without Prisma's excerpt of the calling code, on one line. */
function sentenceOf(message: string): string {
  return message
    .replace(/^\s*Invalid `[^`]*` invocation(?: in\n[^]*?\n\n\n|:\s*)/, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
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
