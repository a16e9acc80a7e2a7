import { Code, ConnectError } from '@connectrpc/connect';
import { type Answer, Reply } from '../reply.ts';
import { type Attempt, type Failed, maxFieldBytes, type Request } from '../session.ts';
import { connectionError } from '../status.ts';
import { ConnectionFault, errorCode, frameType, maxWindow, uint32Frame } from './frames.ts';
import { requestEncoder } from './hpack.ts';
import type { Outbox } from './outbox.ts';
import { Sender } from './sender.ts';

/** A call in progress. */
export interface Call {
  readonly request: Request;
  readonly reply: Reply;
  readonly settle: (outcome: Answer | Failed) => void;
  /** Id of its stream; 0 while it waits. */
  id: number;
  /** The write of the outbox that its HEADERS are part of. */
  write: number;
  /** Whether the fields of the response are there. */
  hasHead: boolean;
  /** Bytes of data since the last WINDOW_UPDATE of its stream. */
  consumed: number;
}

/** The calls of a connection. */
export class Calls {
  readonly #outbox: Outbox;
  readonly #encode: ReturnType<typeof requestEncoder>;
  readonly #sent = new Map<number, Call>();
  /** Calls above the number that the server allows at once. */
  readonly #waiting = new Set<Call>();
  readonly sender: Sender;
  readonly #settled: () => void;
  #nextId = 1;
  #max = Infinity;
  #maxFields = maxFieldBytes;

  /** @param settled runs when a call that was sent has ended */
  constructor(outbox: Outbox, authority: string, settled: () => void) {
    this.#outbox = outbox;
    this.#settled = settled;
    this.sender = new Sender(outbox);
    this.#encode = requestEncoder(authority);
  }

  /** Number of calls that were sent and have not ended. */
  get size(): number {
    return this.#sent.size;
  }

  /** Sends a call, or lets it wait. */
  start(request: Request): Attempt {
    const { promise: outcome, resolve: settle } = Promise.withResolvers<Answer | Failed>();
    const reply = new Reply(request.maxBytes);
    const call: Call = { request, reply, settle, id: 0, write: 0, hasHead: false, consumed: 0 };
    if (this.#sent.size < this.#max) this.#send(call);
    else this.#waiting.add(call);
    return { outcome, cancel: () => this.#cancel(call) };
  }

  /**
   * Returns the call of a stream; undefined if it has ended.
   * @throws ConnectionFault if the stream was never opened
   */
  of(stream: number): Call | undefined {
    if (stream % 2 === 0 || stream >= this.#nextId) throw new ConnectionFault(errorCode.protocol, 'an idle stream');
    return this.#sent.get(stream);
  }

  /** Ends a call. */
  settle(call: Call, outcome: Answer | Failed): void {
    this.sender.stop(call.id);
    this.#sent.delete(call.id);
    call.settle(outcome);
    this.#sendWaiting();
    this.#settled();
  }

  /** Resets the stream of a call, which ends with an error. */
  reset(call: Call, code: number, error: ConnectError): void {
    this.#outbox.push(uint32Frame(frameType.resetStream, call.id, code));
    this.settle(call, failed(call, error));
  }

  /** Applies the server's limits: of calls at once, and of the fields of each. */
  limit(calls: number | undefined, fields: number | undefined): void {
    if (calls !== undefined) this.#max = calls;
    if (fields !== undefined) this.#maxFields = Math.min(fields, maxFieldBytes);
    this.#sendWaiting();
  }

  /** Ends the calls that the server has not processed: those that wait, and those on streams above an id. */
  refuseAbove(last: number): void {
    for (const call of this.#waiting) call.settle(unseen('the connection is closing'));
    this.#waiting.clear();
    for (const call of this.#sent.values()) {
      if (call.id > last) this.settle(call, unseen('the connection is closing'));
    }
  }

  /** Ends all calls of a lost connection. */
  endAll(cause: Error | undefined): void {
    this.refuseAbove(maxWindow);
    for (const call of this.#sent.values()) {
      const isUnsent = call.write === this.#outbox.write;
      this.settle(call, { ...failed(call, connectionError('the connection was lost', cause)), isUnseen: isUnsent });
    }
  }

  #sendWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#sent.size >= this.#max) return;
      this.#waiting.delete(call);
      this.#send(call);
    }
  }

  #send(call: Call): void {
    const block = this.#encode(call.request, this.#maxFields);
    if (!block) {
      const error = new ConnectError('the headers of the call are too large', Code.ResourceExhausted);
      return call.settle(failed(call, error));
    }
    call.id = this.#nextId;
    this.#nextId += 2;
    this.#sent.set(call.id, call);
    call.write = this.#outbox.write;
    this.sender.begin(call.id, block, call.request.body);
  }

  #cancel(call: Call): void {
    const error = new ConnectError('cancelled', Code.Canceled);
    if (this.#waiting.delete(call)) call.settle(failed(call, error));
    else if (this.#sent.get(call.id) === call) this.reset(call, errorCode.cancel, error);
  }
}

/** The outcome of a call that the server may have processed. */
export function failed({ reply }: Call, error: ConnectError): Failed {
  return { error, isUnseen: false, hasResponded: reply.hasBegun };
}

/** The outcome of a call that the server has not processed. */
export function unseen(message: string, cause?: Error): Failed {
  return { error: connectionError(message, cause), isUnseen: true, hasResponded: false };
}
