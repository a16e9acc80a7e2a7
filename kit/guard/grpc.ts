import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  type Metadata,
  type ServerInterceptor,
  Server,
  ServerInterceptingCall,
  ServerListenerBuilder,
  ResponderBuilder,
  type ServerOptions,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Principal } from './claims.ts';
import { assertCovered } from './access.ts';
import { toHeaders, toStatus } from './grpc-metadata.ts';
import { assertGuard, type Guard, userIn } from './guard.ts';
import type { Identity } from './policy.ts';

const identities = new WeakMap<Metadata, Identity>();

/**
 * Returns a guard as an interceptor of a grpc-js server. It checks a call on its
 * metadata, before a message is read, and refuses methods outside `services`.
 * grpc-js before 1.10 ignores interceptors: create the server with `guardedServer`.
 * @throws Error if a method has no valid access rule
 */
export function grpcGate(guard: Guard, services: readonly DescService[]): ServerInterceptor {
  assertGuard(guard);
  assertCovered(services);
  const methods = new Map<string, DescMethod>();
  for (const method of services.flatMap((service) => service.methods)) {
    methods.set(`/${method.parent.typeName}/${method.name}`, method);
  }
  async function identify(path: string, metadata: Metadata): Promise<void> {
    const method = methods.get(path);
    if (!method) throw new ConnectError('This method does not exist.', Code.Unimplemented);
    identities.set(metadata, await guard.admit(method, toHeaders(metadata)));
  }
  return (definition, call) => {
    async function admit(metadata: Metadata, next: (metadata: Metadata) => void): Promise<void> {
      try {
        await identify(definition.path, metadata);
      } catch (error) {
        call.sendStatus(statusOf(error));
        return;
      }
      next(metadata);
    }
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        admit(metadata, next).catch((error: unknown) => call.sendStatus(statusOf(error)));
      })
      .build();
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build());
  };
}

/**
 * Creates a grpc-js server that checks all calls with the guard. It uses the
 * guard's own copy of grpc-js, which is known to run interceptors.
 * @throws Error if a method of the services has no valid access rule
 */
export function guardedServer(guard: Guard, services: readonly DescService[], options: ServerOptions = {}): Server {
  return new Server({ ...options, interceptors: [grpcGate(guard, services), ...(options.interceptors ?? [])] });
}

/** Returns the verified identity in a grpc-js handler. Empty on a public method. */
export function identityOfCall(call: { readonly metadata: Metadata }): Identity {
  return identities.get(call.metadata) ?? {};
}

/**
 * Returns the calling user in a grpc-js handler of a method whose rule is
 * `authenticated`. In other methods use `identityOfCall`: with grpc-js an error
 * thrown by a handler ends the process.
 * @throws TOKEN_REQUIRED without a user
 */
export function userOfCall(call: { readonly metadata: Metadata }): Principal {
  return userIn(identityOfCall(call));
}

/**
 * Returns the gRPC status of an error, with details (google.rpc.Status) and
 * headers. An error that is no ConnectError becomes INTERNAL without its message.
 */
export function statusOf(error: unknown): StatusObject {
  return toStatus(error instanceof ConnectError ? error : new ConnectError('Internal error.', Code.Internal));
}
