import { Code, ConnectError } from '@connectrpc/connect';
import { connect, type Socket } from 'node:net';
import {
  type Address,
  type Attempt,
  maxFieldBytes,
  type OpenSession,
  type Request,
  type Session,
  type SessionEvents,
  windows,
} from '../session.ts';
import { resetError } from '../status.ts';
import { type Call, Calls, failed, unseen } from './calls.ts';
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
  setting,
  settingsFrame,
  uint32Frame,
} from './frames.ts';
import { HeaderBlock } from './header-block.ts';
import { Outbox } from './outbox.ts';
import { contentOf, expectConnection, expectSize, expectStream, incrementOf, readSettings } from './payloads.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Opens a session that reads and writes the frames of HTTP/2 itself. */
export const openFramedSession: OpenSession = (address, authority, events) =>
  new FramedSession(address, authority, events);

class FramedSession implements Session {
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #calls: Calls;
  readonly #events: SessionEvents;
  readonly #reader = new FrameReader((type, flags, stream, payload) => this.#handle(type, flags, stream, payload));
  #state: 'connecting' | 'open' | 'leaving' | 'ended' = 'connecting';
  #cause: Error | undefined;
  /** Bytes of data on all streams since the last WINDOW_UPDATE of the connection. */
  #consumed = 0;
  /** A field block whose end has not come. */
  #block: HeaderBlock | undefined;
  readonly #pings = new Map<number, () => void>();
  #nextPing = 1;

  constructor(address: Address, authority: string, events: SessionEvents) {
    this.#events = events;
    this.#socket = connect({ ...address, noDelay: true });
    this.#outbox = new Outbox(this.#socket);
    this.#calls = new Calls(this.#outbox, authority, () => this.#endIfDone());
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => (this.#cause ??= error));
    // No answer can come any more.
    this.#socket.once('end', () => this.destroy());
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
    this.#outbox.push(uint32Frame(frameType.windowUpdate, 0, windows.connection - defaultWindow));
  }

  isOpen(): boolean {
    return this.#state === 'open';
  }

  call(request: Request): Attempt {
    if (this.#state === 'open') return this.#calls.start(request);
    const outcome = Promise.resolve(unseen('the connection was closed', this.#cause));
    return { outcome, cancel: () => undefined };
  }

  ping(answered: () => void): void {
    if (this.#state === 'ended') return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#nextPing, 4);
    this.#pings.set(this.#nextPing, answered);
    this.#nextPing = (this.#nextPing + 1) % 2 ** 32;
    this.#outbox.push(frame(frameType.ping, 0, 0, payload));
  }

  close(): void {
    if (this.#state === 'connecting') return this.destroy();
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    this.#calls.refuseAbove(maxWindow);
    this.#endIfDone();
  }

  destroy(error?: Error): void {
    this.#cause ??= error;
    this.#end();
    this.#socket.destroy();
  }

  #endIfDone(): void {
    if (this.#state !== 'leaving' || this.#calls.size > 0) return;
    this.#state = 'ended';
    this.#outbox.push(goAwayFrame(errorCode.none));
    this.#outbox.end();
  }

  #end(): void {
    this.#state = 'ended';
    this.#calls.endAll(this.#cause);
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'ended') return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#outbox.push(goAwayFrame(error instanceof ConnectionFault ? error.code : errorCode.internal));
      this.#outbox.flush();
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #handle(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#state === 'connecting' && type !== frameType.settings) throw violation('the first frame is not SETTINGS');
    if (this.#block && (type !== frameType.continuation || stream !== this.#block.stream)) {
      throw violation('a field block was interrupted');
    }
    switch (type) {
      case frameType.data:
        this.#onData(this.#calls.of(stream), flags, payload);
        break;
      case frameType.headers:
        this.#calls.of(stream);
        this.#block = new HeaderBlock(stream, flags);
        this.#addToBlock(this.#block, flags, contentOf(flags, payload, true));
        break;
      case frameType.continuation:
        if (!this.#block) throw violation('unexpected CONTINUATION');
        this.#addToBlock(this.#block, flags, payload);
        break;
      case frameType.resetStream:
        expectSize(payload, 4);
        this.#onReset(this.#calls.of(stream), payload.readUInt32BE(0));
        break;
      case frameType.windowUpdate:
        if (stream === 0) this.#calls.sender.enlargeConnection(incrementOf(payload));
        else this.#onWindowUpdate(this.#calls.of(stream), payload);
        break;
      case frameType.priority:
        expectStream(stream);
        expectSize(payload, 5);
        break;
      case frameType.settings:
        expectConnection(stream);
        this.#onSettings(flags, payload);
        break;
      case frameType.ping:
        expectConnection(stream);
        expectSize(payload, 8);
        if (flags & frameFlag.ack) this.#onPong(payload.readUInt32BE(4));
        else this.#outbox.answer(frame(frameType.ping, frameFlag.ack, 0, payload));
        break;
      case frameType.goAway:
        expectConnection(stream);
        if (payload.length < 8) throw new ConnectionFault(errorCode.frameSize, 'a GOAWAY is too short');
        this.#onGoAway(payload.readUInt32BE(0) & maxWindow, payload.readUInt32BE(4));
        break;
      case frameType.pushPromise:
        throw violation('unexpected PUSH_PROMISE');
      default:
        // Unknown types are ignored (RFC 9113 section 5.5).
        break;
    }
  }

  #onData(call: Call | undefined, flags: number, payload: Buffer): void {
    const content = contentOf(flags, payload, false);
    const isLast = (flags & frameFlag.endStream) !== 0;
    this.#consumed += payload.length;
    if (this.#consumed >= windows.connection / 2) {
      this.#outbox.push(uint32Frame(frameType.windowUpdate, 0, this.#consumed));
      this.#consumed = 0;
    }
    if (!call) return;
    if (!call.hasHead) return this.#resetFor(call, errorCode.protocol);
    call.consumed += payload.length;
    if (call.consumed >= windows.stream / 2 && !isLast) {
      this.#outbox.push(uint32Frame(frameType.windowUpdate, call.id, call.consumed));
      call.consumed = 0;
    }
    call.reply.data(content);
    this.#proceed(call, isLast);
  }

  #addToBlock(block: HeaderBlock, flags: number, part: Buffer): void {
    block.add(part);
    if (!(flags & frameFlag.endHeaders)) return;
    this.#block = undefined;
    const call = this.#calls.of(block.stream);
    // Without a dynamic table, the block of an ended call is not decoded.
    if (call) this.#onFields(call, block);
  }

  #onFields(call: Call, block: HeaderBlock): void {
    const isLast = (block.flags & frameFlag.endStream) !== 0;
    const bytes = block.bytes();
    const fields = bytes ? readResponse(bytes, call.hasHead) : 'too large';
    if (fields === 'too large') {
      const error = new ConnectError('the fields of the response are too large', Code.ResourceExhausted);
      return this.#calls.reset(call, errorCode.cancel, error);
    }
    const isInformation = fields !== 'malformed' && fields.http?.startsWith('1') === true;
    if (isInformation && !isLast) return;
    if (fields === 'malformed' || isInformation || (call.hasHead && !isLast)) {
      return this.#resetFor(call, errorCode.protocol);
    }
    call.hasHead = true;
    call.reply.fields(fields, isLast);
    this.#proceed(call, isLast);
  }

  /** Ends a call whose response is whole, or not wanted. */
  #proceed(call: Call, isLast: boolean): void {
    if (!isLast) {
      if (call.reply.problem) this.#calls.reset(call, errorCode.cancel, call.reply.problem);
      return;
    }
    const outcome = call.reply.outcome() ?? resetError(errorCode.none);
    const ended = outcome instanceof ConnectError ? failed(call, outcome) : outcome;
    if (this.#calls.sender.stop(call.id)) {
      this.#outbox.push(uint32Frame(frameType.resetStream, call.id, errorCode.none));
    }
    this.#calls.settle(call, ended);
  }

  /** Resets the stream of a call because of what the server sent on it. */
  #resetFor(call: Call, code: number): void {
    this.#calls.reset(call, code, resetError(code));
  }

  #onReset(call: Call | undefined, code: number): void {
    if (!call) return;
    const isUnseen = code === errorCode.refusedStream && !call.hasHead;
    this.#calls.settle(call, { ...failed(call, resetError(code)), isUnseen });
  }

  #onWindowUpdate(call: Call | undefined, payload: Buffer): void {
    expectSize(payload, 4);
    if (!call) return;
    const bytes = payload.readUInt32BE(0) & maxWindow;
    if (bytes === 0) this.#resetFor(call, errorCode.protocol);
    else if (!this.#calls.sender.enlarge(call.id, bytes)) this.#resetFor(call, errorCode.flowControl);
  }

  #onSettings(flags: number, payload: Buffer): void {
    if (flags & frameFlag.ack) return expectSize(payload, 0);
    const { calls, window, frameSize, fields } = readSettings(payload);
    // Before the frames that make use of them.
    this.#outbox.answer(frame(frameType.settings, frameFlag.ack, 0, Buffer.of()));
    if (frameSize !== undefined) this.#calls.sender.setFrameSize(frameSize);
    if (window !== undefined) this.#calls.sender.setWindowOfStreams(window);
    this.#calls.limit(calls, fields);
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#events.ready();
  }

  #onPong(number: number): void {
    const answered = this.#pings.get(number);
    this.#pings.delete(number);
    answered?.();
  }

  /** @param last id of the last stream that the server processes */
  #onGoAway(last: number, code: number): void {
    if (code !== errorCode.none) this.#cause ??= new Error(`the server closed the connection (code ${code})`);
    this.#calls.refuseAbove(last);
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    this.#events.leaving();
    this.#endIfDone();
  }
}

function violation(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.protocol, message);
}
