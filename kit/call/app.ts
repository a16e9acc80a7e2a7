import { create, type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import { createServiceImplSpec, type HandlerContext, type MethodImplSpec, type ServiceImpl } from '@connectrpc/connect';
import { transformInvokeImplementation } from '@connectrpc/connect/protocol';
import { failure } from '#kit/errors/failure.ts';
import { beforeAbort, streamUntilAborted, untilAborted } from './until-aborted.ts';

/** Checks a call on its headers, before the body is read. Throws to refuse the call. */
export type Gate = (context: HandlerContext) => Promise<void>;

/** A service and its implementation. */
export interface Mounted {
  readonly desc: DescService;
  readonly impl: Partial<ServiceImpl<DescService>>;
}

/**
 * Services behind one gate, with what surrounds every handler, whatever the protocol of the call. Connect, REST, grpc-js
 * and the in-process transport all serve the same app.
 */
export interface RpcApp {
  readonly services: readonly DescService[];
  readonly mounted: readonly Mounted[];
  readonly gate: Gate;
  /**
   * A transport reports that a call, which the gate admitted, ended before `unary` or `stream`: its message was invalid,
   * or the client disconnected. Returns the call's request id; undefined if one of them ran, or without such a call.
   */
  readonly abandoned: (context: Pick<HandlerContext, 'values'>, error: unknown) => string | undefined;
  /** Calls a unary method. The gate must have run. */
  unary(method: DescMethod, context: HandlerContext, input: Message): Promise<Message>;
  /** Calls a method of any kind. The gate must have run. */
  stream(method: DescMethod, context: HandlerContext, input: AsyncIterable<Message>): AsyncIterable<Message>;
}

/** What surrounds every handler of an app. It responds no later than the call ends. */
export interface Surround {
  /** Runs the handler of a unary method. */
  unary(context: HandlerContext, input: Message, handle: () => Promise<Message>): Promise<Message>;
  /** Runs the handler of a method of any kind with the messages that it is to receive. */
  stream(
    context: HandlerContext,
    input: AsyncIterable<Message>,
    handle: (input: AsyncIterable<Message>) => AsyncIterable<Message>,
  ): AsyncIterable<Message>;
}

/** Pairs a service with its implementation, checked by type. */
export function mount<S extends DescService>(desc: S, impl: Partial<ServiceImpl<S>>): Mounted {
  return { desc, impl };
}

/** Ends what a handler does with its call, and does nothing else. */
const untilOver: Surround = {
  unary: ({ signal }, _input, handle) => untilAborted(signal, handle),
  stream: ({ signal }, input, handle) => streamUntilAborted(handle(input), signal, () => undefined),
};

/** Creates an app of services. */
export function createRpcApp(options: {
  readonly mounted: readonly Mounted[];
  /** Runs for every call. A call that is over does not wait for it. */
  readonly gate: Gate;
  /** Default: only ends the response with the call. */
  readonly surround?: Surround;
  /** Default: ignores the report. */
  readonly abandoned?: RpcApp['abandoned'];
}): RpcApp {
  const { mounted, gate, surround = untilOver, abandoned = () => undefined } = options;
  const specs = new Map<DescMethod, MethodImplSpec>(
    mounted.flatMap(({ desc, impl }) => {
      const { methods } = createServiceImplSpec(desc, impl);
      return desc.methods.map((method) => [method, methods[method.localName]!] as const);
    }),
  );
  function specOf(method: DescMethod): MethodImplSpec {
    const spec = specs.get(method);
    if (!spec) throw failure('UNIMPLEMENTED');
    return spec;
  }
  return {
    services: mounted.map(({ desc }) => desc),
    mounted,
    gate: (context) => beforeAbort(context.signal, gate(context)),
    abandoned,
    async unary(method, context, input) {
      const spec = specOf(method);
      if (spec.kind !== 'unary') throw failure('UNIMPLEMENTED');
      return surround.unary(context, input, async () =>
        create(method.output, await spec.impl(input as never, context)),
      );
    },
    stream(method, context, input) {
      return surround.stream(context, input, transformInvokeImplementation(specOf(method), context, []));
    },
  };
}
