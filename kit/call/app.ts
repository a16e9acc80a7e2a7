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

/** Checks a call on its headers, before the body is read. Throws to refuse the call. */
export type Gate = (context: HandlerContext) => Promise<void>;

/** A service and its implementation. */
export interface Mounted {
  readonly desc: DescService;
  readonly impl: Partial<ServiceImpl<DescService>>;
}

/**
 * Services with one gate and one stack of interceptors, which every call passes
 * whatever its protocol. Connect, REST, grpc-js and the in-process transport all
 * serve the same app.
 */
export interface RpcApp {
  readonly services: readonly DescService[];
  readonly mounted: readonly Mounted[];
  readonly gate: Gate;
  readonly interceptors: readonly Interceptor[];
  /**
   * A transport reports that a call, which the gate admitted, ended before the
   * interceptors ran: its message was invalid, or the client disconnected. Returns the
   * call's request id; undefined if the interceptors ran, or without such a call.
   */
  readonly abandoned: (context: Pick<HandlerContext, 'values'>, error: unknown) => string | undefined;
  /** Calls a unary method through the interceptors. The gate must have run. */
  unary(method: DescMethod, context: HandlerContext, input: Message): Promise<Message>;
  /** Calls a method of any kind through the interceptors. The gate must have run. */
  stream(method: DescMethod, context: HandlerContext, input: AsyncIterable<Message>): AsyncIterable<Message>;
}

/** Pairs a service with its implementation, checked by type. */
export function mount<S extends DescService>(desc: S, impl: Partial<ServiceImpl<S>>): Mounted {
  return { desc, impl };
}

/** Creates an app of services, a gate and a stack of interceptors (the first is the outermost). */
export function createRpcApp(options: {
  readonly mounted: readonly Mounted[];
  readonly gate: Gate;
  readonly interceptors: readonly Interceptor[];
  /** Default: ignores the report. */
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
