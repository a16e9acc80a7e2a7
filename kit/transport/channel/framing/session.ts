import { Code, ConnectError } from '@connectrpc/connect';
import { connect, type Socket } from 'node:net';
import { type Answer, Reply } from '../reply.ts';
import {
  type Address,
  type Attempt,
  type Failed,
  maxFieldBytes,
  type OpenSession,
  type Request,
  type Session,
  type SessionEvents,
  windows,
} from '../session.ts';
import { connectionError, resetError } from '../status.ts';
import { readResponse } from './fields.ts';
import {
  ConnectionFault,
  defaultWindow,
  errorCode,
  frame,
  frameFlag,
  FrameReader,
  frameType,
  goAwayFrame,
  maxWindow,
  numberFrame,
  setting,
  settingsFrame,
} from './frames.ts';
import { HeaderBlock } from './header-block.ts';
import { requestEncoder } from './hpack.ts';
import { Outbox } from './outbox.ts';
import { contentOf, readSettings, wrongSize } from './payloads.ts';
import { Sender } from './sender.ts';

/** A call in progress. */
interface Call {
  readonly request: Request;
  readonly reply: Reply;
  readonly settle: (outcome: Answer | Failed) => void;
  /** 0: not sent. */
  id: number;
  /** Whether the fields of the response are there. */
  hasHead: boolean;
  /** Bytes of data since the server was last allowed to send more. */
  taken: number;
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Opens a session that reads and writes frames itself: a unary call costs a tenth of one over node:http2. */
export const openFramedSession: OpenSession = (address, authority, events) =>
  new FramedSession(address, authority, events);

class FramedSession implements Session {
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #encode: (request: Request) => Buffer;
  readonly #events: SessionEvents;
  readonly #reader = new FrameReader((type, flags, stream, payload) => this.#handle(type, flags, stream, payload));
  #state: 'connecting' | 'open' | 'leaving' | 'ended' = 'connecting';
  #cause: Error | undefined;

  /** Calls that were sent, by id; and those that wait because the server allows no more at once. */
  readonly #calls = new Map<number, Call>();
  readonly #waiting = new Set<Call>();
  #nextId = 1;
  #maxCalls = Infinity;
  /** As that of a call, for all streams. */
  #taken = 0;
  #block: HeaderBlock | undefined;
  readonly #pings = new Map<number, () => void>();
  #nextPing = 1;

  constructor(address: Address, authority: string, events: SessionEvents) {
    this.#events = events;
    this.#encode = requestEncoder(authority);
    this.#socket = connect({ ...address, noDelay: true });
    this.#outbox = new Outbox(this.#socket);
    this.#sender = new Sender(this.#outbox);
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => (this.#cause ??= error));
    this.#socket.once('close', () => {
      this.#end();
      events.closed(this.#cause);
    });
    this.#outbox.push(preface);
    this.#outbox.push(
      settingsFrame([
        [setting.headerTableSize, 0],
        [setting.enablePush, 0],
        [setting.initialWindowSize, windows.stream],
        [setting.maxHeaderListSize, maxFieldBytes],
      ]),
    );
    this.#outbox.push(numberFrame(frameType.windowUpdate, 0, windows.connection - defaultWindow));
  }

  isOpen(): boolean {
    return this.#state === 'open';
  }

  call(request: Request): Attempt {
    const { promise: outcome, resolve: settle } = Promise.withResolvers<Answer | Failed>();
    const call: Call = { request, reply: new Reply(request.maxBytes), settle, id: 0, hasHead: false, taken: 0 };
    if (this.#state !== 'open') settle(unseen('the connection was closed', this.#cause));
    else if (this.#calls.size < this.#maxCalls) this.#send(call);
    else this.#waiting.add(call);
    return { outcome, cancel: () => this.#cancel(call) };
  }

  ping(answered: () => void): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#nextPing, 4);
    this.#pings.set(this.#nextPing, answered);
    this.#nextPing = (this.#nextPing + 1) % 2 ** 32;
    this.#outbox.push(frame(frameType.ping, 0, 0, payload));
  }

  close(): void {
    if (this.#state === 'connecting') return this.destroy();
    if (this.#state !== 'open') return;
    this.#leave();
    this.#endIfDone();
  }

  destroy(error?: Error): void {
    this.#cause ??= error;
    this.#end();
    this.#socket.destroy();
  }

  #send(call: Call): void {
    call.id = this.#nextId;
    this.#nextId += 2;
    this.#calls.set(call.id, call);
    this.#sender.begin(call.id, this.#encode(call.request), call.request.body);
  }

  #cancel(call: Call): void {
    if (this.#waiting.delete(call)) call.settle(failed(call, cancelled()));
    else if (this.#calls.get(call.id) === call) this.#reset(call, errorCode.cancel, cancelled());
  }

  /** Resets the stream of a call, which ends with an error. */
  #reset(call: Call, code: number, error: ConnectError): void {
    this.#outbox.push(numberFrame(frameType.resetStream, call.id, code));
    this.#sender.stop(call.id);
    this.#settle(call, failed(call, error));
  }

  #settle(call: Call, outcome: Answer | Failed): void {
    this.#calls.delete(call.id);
    call.settle(outcome);
    this.#sendWaiting();
    this.#endIfDone();
  }

  #sendWaiting(): void {
    for (const next of this.#waiting) {
      if (this.#calls.size >= this.#maxCalls) return;
      this.#waiting.delete(next);
      this.#send(next);
    }
  }

  /** Takes no more calls. */
  #leave(): void {
    this.#state = 'leaving';
    for (const call of this.#waiting) call.settle(unseen('the connection is closing', undefined));
    this.#waiting.clear();
  }

  #endIfDone(): void {
    if (this.#state !== 'leaving' || this.#calls.size > 0) return;
    this.#state = 'ended';
    this.#outbox.push(goAwayFrame(errorCode.none));
    this.#outbox.end();
  }

  /** Ends all calls. */
  #end(): void {
    if (this.#state === 'ended') return;
    this.#leave();
    this.#state = 'ended';
    this.#pings.clear();
    for (const call of this.#calls.values()) call.settle(failed(call, lost(this.#cause)));
    this.#calls.clear();
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'ended') return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      const code = error instanceof ConnectionFault ? error.code : errorCode.internal;
      this.#outbox.push(goAwayFrame(code));
      this.#outbox.flush();
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #handle(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#state === 'connecting' && type !== frameType.settings) throw violation('the first frame is not SETTINGS');
    if (this.#block && (type !== frameType.continuation || stream !== this.#block.stream)) {
      throw violation('a list of fields was interrupted');
    }
    switch (type) {
      case frameType.data:
        return this.#onData(this.#callOf(stream), flags, payload);
      case frameType.headers: {
        this.#callOf(stream);
        const content = contentOf(flags, payload, true);
        if (flags & frameFlag.endHeaders) return this.#onFields(stream, flags, content);
        this.#block = new HeaderBlock(stream, flags);
        return this.#block.add(content);
      }
      case frameType.continuation: {
        const block = this.#block;
        if (!block) throw violation('a list of fields has no beginning');
        block.add(payload);
        if (!(flags & frameFlag.endHeaders)) return undefined;
        this.#block = undefined;
        return this.#onFields(stream, block.flags, block.bytes());
      }
      case frameType.resetStream: {
        if (payload.length !== 4) throw wrongSize();
        const call = this.#callOf(stream);
        if (call) this.#onReset(call, payload.readUInt32BE(0));
        return undefined;
      }
      case frameType.windowUpdate:
        return this.#onWindowUpdate(stream, payload);
      case frameType.priority:
        if (payload.length !== 5) throw wrongSize();
        return undefined;
      case frameType.settings:
        ofConnection(stream);
        return this.#onSettings(flags, payload);
      case frameType.ping:
        ofConnection(stream);
        if (payload.length !== 8) throw wrongSize();
        if (!(flags & frameFlag.ack)) return this.#outbox.answer(frame(frameType.ping, frameFlag.ack, 0, payload));
        return this.#onPong(payload.readUInt32BE(4));
      case frameType.goAway:
        ofConnection(stream);
        if (payload.length < 8) throw wrongSize();
        return this.#onGoAway(payload.readUInt32BE(0) & maxWindow);
      case frameType.pushPromise:
        throw violation('a push is not allowed');
      default:
        // Others may have a meaning for later clients (RFC 9113 section 5.5).
        return undefined;
    }
  }

  /** Returns the call of a stream; undefined if it is over. @throws ConnectionFault if there was none */
  #callOf(stream: number): Call | undefined {
    if (stream % 2 === 0 || stream >= this.#nextId) throw violation('a stream was not opened');
    return this.#calls.get(stream);
  }

  #onData(call: Call | undefined, flags: number, payload: Buffer): void {
    const content = contentOf(flags, payload, false);
    const isLast = (flags & frameFlag.endStream) !== 0;
    this.#taken += payload.length;
    if (this.#taken >= windows.connection / 2) {
      this.#outbox.push(numberFrame(frameType.windowUpdate, 0, this.#taken));
      this.#taken = 0;
    }
    if (!call) return;
    if (!call.hasHead) return this.#reset(call, errorCode.protocol, resetError(errorCode.protocol));
    call.taken += payload.length;
    if (call.taken >= windows.stream / 2 && !isLast) {
      this.#outbox.push(numberFrame(frameType.windowUpdate, call.id, call.taken));
      call.taken = 0;
    }
    call.reply.data(content);
    this.#proceed(call, isLast);
  }

  #onFields(stream: number, flags: number, block: Buffer): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    const isLast = (flags & frameFlag.endStream) !== 0;
    const fields = readResponse(block, call.hasHead);
    if (fields === 'too large') {
      const error = new ConnectError('the fields of the response are too large', Code.ResourceExhausted);
      return this.#reset(call, errorCode.cancel, error);
    }
    const isInformation = fields !== 'malformed' && fields.http?.startsWith('1') === true;
    if (isInformation && !isLast) return;
    if (fields === 'malformed' || isInformation || (call.hasHead && !isLast)) {
      return this.#reset(call, errorCode.protocol, resetError(errorCode.protocol));
    }
    call.hasHead = true;
    call.reply.fields(fields, isLast);
    this.#proceed(call, isLast);
  }

  /** Ends a call whose response is whole, or not wanted. */
  #proceed(call: Call, isLast: boolean): void {
    if (!isLast) {
      if (call.reply.problem) this.#reset(call, errorCode.cancel, call.reply.problem);
      return;
    }
    const outcome = call.reply.outcome() ?? resetError(errorCode.none);
    if (this.#sender.stop(call.id)) this.#outbox.push(numberFrame(frameType.resetStream, call.id, errorCode.none));
    this.#settle(call, outcome instanceof ConnectError ? failed(call, outcome) : outcome);
  }

  #onReset(call: Call, code: number): void {
    this.#sender.stop(call.id);
    this.#settle(call, { ...failed(call, resetError(code)), isUnseen: code === errorCode.refusedStream });
  }

  #onWindowUpdate(stream: number, payload: Buffer): void {
    if (payload.length !== 4) throw wrongSize();
    const bytes = payload.readUInt32BE(0) & maxWindow;
    if (stream === 0) {
      if (bytes === 0) throw violation('a window was enlarged by nothing');
      this.#sender.enlarge(0, bytes);
      return;
    }
    const call = this.#callOf(stream);
    if (!call) return;
    if (bytes === 0) this.#reset(call, errorCode.protocol, resetError(errorCode.protocol));
    else if (!this.#sender.enlarge(stream, bytes)) {
      this.#reset(call, errorCode.flowControl, resetError(errorCode.flowControl));
    }
  }

  #onSettings(flags: number, payload: Buffer): void {
    if (flags & frameFlag.ack) {
      if (payload.length > 0) throw wrongSize();
      return;
    }
    const { streams, window, frameSize } = readSettings(payload);
    if (streams !== undefined) this.#maxCalls = streams;
    if (frameSize !== undefined) this.#sender.setFrameSize(frameSize);
    if (window !== undefined) this.#sender.setWindowOfStreams(window);
    this.#outbox.answer(frame(frameType.settings, frameFlag.ack, 0, Buffer.of()));
    if (this.#state !== 'connecting') return this.#sendWaiting();
    this.#state = 'open';
    this.#events.ready();
  }

  #onPong(number: number): void {
    const answered = this.#pings.get(number);
    this.#pings.delete(number);
    answered?.();
  }

  /** @param last id of the last stream that the server processes */
  #onGoAway(last: number): void {
    if (this.#state === 'open') {
      this.#leave();
      this.#events.leaving();
    }
    for (const call of this.#calls.values()) {
      if (call.id <= last) continue;
      this.#sender.stop(call.id);
      this.#settle(call, unseen('the server is closing the connection', undefined));
    }
    this.#endIfDone();
  }
}

function failed({ reply }: Call, error: ConnectError): Failed {
  return { error, isUnseen: false, hasResponded: reply.hasBegun };
}

function unseen(message: string, cause: unknown): Failed {
  return { error: connectionError(message, cause), isUnseen: true, hasResponded: false };
}

function cancelled(): ConnectError {
  return new ConnectError('cancelled', Code.Canceled);
}

function lost(cause: unknown): ConnectError {
  return connectionError('the connection was lost', cause);
}

/** @throws ConnectionFault if a frame of the connection has a stream */
function ofConnection(stream: number): void {
  if (stream !== 0) throw violation('a frame of the connection has a stream');
}

function violation(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.protocol, message);
}
