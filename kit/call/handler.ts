import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';

/** The two ways to run a method: one message for one, or streams, which suit methods of any kind. */
export interface MethodRuns {
  unary(input: Message, context: HandlerContext): Promise<Message>;
  stream(input: AsyncIterable<Message>, context: HandlerContext): AsyncIterable<Message>;
}

/** Returns a handler of a method of any kind, in the form that Connect requires of its kind. */
export function handlerOf({ methodKind }: DescMethod, { unary, stream }: MethodRuns): unknown {
  switch (methodKind) {
    case 'unary':
      return unary;
    case 'server_streaming':
      return (input: Message, context: HandlerContext) => stream(createAsyncIterable([input]), context);
    case 'client_streaming':
      return (input: AsyncIterable<Message>, context: HandlerContext) => lastOf(stream(input, context));
    case 'bidi_streaming':
      return stream;
  }
}

/** Returns the last message of a stream. @throws Error without one */
export async function lastOf(messages: AsyncIterable<Message>): Promise<Message> {
  let last: Message | undefined;
  for await (const message of messages) last = message;
  if (!last) throw new Error('the handler returned no message');
  return last;
}
