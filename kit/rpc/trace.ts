import { randomPart } from './random-part.ts';

/** A position in a distributed trace (W3C Trace Context). */
export interface Trace {
  /** 32 hex digits, the same in every service that a request touches. */
  readonly traceId: string;
  /** 16 hex digits, this service's part in it. */
  readonly spanId: string;
  /** `01` where the caller samples. */
  readonly flags: string;
  readonly state: string | null;
}

const form = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Continues the trace that headers name, or begins one. */
export function continueTrace(header: Headers): Trace {
  const found = form.exec(header.get('traceparent') ?? '');
  const spanId = randomPart(8).toString('hex');
  if (!found) return { traceId: randomPart(16).toString('hex'), spanId, flags: '00', state: null };
  return { traceId: found[1]!, spanId, flags: found[3]!, state: header.get('tracestate') };
}

/** Writes the trace for whoever is called next. */
export function propagateTrace(trace: Trace, header: Headers): void {
  header.set('traceparent', `00-${trace.traceId}-${trace.spanId}-${trace.flags}`);
  if (trace.state !== null) header.set('tracestate', trace.state);
}
