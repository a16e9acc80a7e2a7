import { randomPart } from './random-part.ts';

/** A position in a distributed trace (W3C Trace Context). */
export interface Trace {
  /** 32 hex digits, the same in all services of a request. */
  readonly traceId: string;
  /** 16 hex digits, the part of one service. */
  readonly spanId: string;
  /** `01` if the caller samples the trace. */
  readonly flags: string;
  readonly state: string | null;
}

const form = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Returns the caller's trace position from the headers; undefined without one. */
export function callersTrace(header: Headers): Trace | undefined {
  const found = form.exec(header.get('traceparent') ?? '');
  if (!found) return undefined;
  return { traceId: found[1]!, spanId: found[2]!, flags: found[3]!, state: header.get('tracestate') };
}

/** Continues the caller's trace, or starts a new one. */
export function continueTrace(parent: Trace | undefined): Trace {
  const spanId = randomPart(8).toString('hex');
  return parent ? { ...parent, spanId } : { traceId: randomPart(16).toString('hex'), spanId, flags: '00', state: null };
}

/** Sets the trace headers of an outgoing call. */
export function propagateTrace(trace: Trace, header: Headers): void {
  header.set('traceparent', `00-${trace.traceId}-${trace.spanId}-${trace.flags}`);
  if (trace.state !== null) header.set('tracestate', trace.state);
}
