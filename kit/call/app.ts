import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import {
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
  type ServiceImpl,
} from '@connectrpc/connect';
import { invokeUnaryImplementation, transformInvokeImplementation } from '@connectrpc/connect/protocol';
import { nameOf } from '#kit/contract/method-name.ts';
import { failure } from '#kit/errors/failure.ts';

/** Runs on headers alone, before a body is read. Throws to refuse the call. */
export type Gate = (context: HandlerContext) => Promise<void>;

/** A service and what implements it. */
export interface Mounted {
  readonly desc: DescService;
  readonly impl: Partial<ServiceImpl<DescService>>;
}

/**
 * Services with the one gate and the one stack of interceptors that every call
 * to them passes, by whichever protocol it comes. Connect, REST, grpc-js and the
 * in-process transport are four doors to the same app.
 */
export interface RpcApp {
  readonly services: readonly DescService[];
  readonly mounted: readonly Mounted[];
  readonly gate: Gate;
  readonly interceptors: readonly Interceptor[];
  /**
   * A door says that a call, which the gate admitted, ended before the interceptors:
   * its message could not be read, or its caller left. Answers the call's request id;
   * undefined where there is no such call, or it has come further.
   */
  readonly abandoned: (context: Pick<HandlerContext, 'values'>, error: unknown) => string | undefined;
  /** Calls a unary method, past the interceptors. The gate must have run. */
  unary(method: DescMethod, context: HandlerContext, input: Message): Promise<Message>;
  /** Calls a method of any kind, past the interceptors. The gate must have run. */
  stream(method: DescMethod, context: HandlerContext, input: AsyncIterable<Message>): AsyncIterable<Message>;
}

/** Pairs a service with its implementation, checked against each other by type. */
export function mount<S extends DescService>(desc: S, impl: Partial<ServiceImpl<S>>): Mounted {
  return { desc, impl };
}

/** Puts services behind a gate and a stack of interceptors (the first is the outermost). */
export function createRpcApp(options: {
  readonly mounted: readonly Mounted[];
  readonly gate: Gate;
  readonly interceptors: readonly Interceptor[];
  /** Unless told, nobody wants to know. */
  readonly abandoned?: RpcApp['abandoned'];
}): RpcApp {
  const interceptors = [...options.interceptors];
  const specs = new Map<string, MethodImplSpec>();
  for (const { desc, impl } of options.mounted) {
    const spec = createServiceImplSpec(desc, impl);
    for (const method of desc.methods) {
      const found = spec.methods[method.localName];
      if (found) specs.set(nameOf(method), found);
    }
  }
  function specOf(method: DescMethod): MethodImplSpec {
    const spec = specs.get(nameOf(method));
    if (!spec) throw failure('UNIMPLEMENTED');
    return spec;
  }
  return {
    services: options.mounted.map(({ desc }) => desc),
    mounted: options.mounted,
    gate: options.gate,
    interceptors,
    abandoned: options.abandoned ?? (() => undefined),
    async unary(method, context, input) {
      const spec = specOf(method);
      if (spec.kind !== 'unary') throw failure('UNIMPLEMENTED');
      return invokeUnaryImplementation(spec, context, input, interceptors);
    },
    stream(method, context, input) {
      return transformInvokeImplementation(specOf(method), context, interceptors)(input);
    },
  };
}
