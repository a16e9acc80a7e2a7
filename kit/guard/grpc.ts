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
 * A guard as an interceptor of a grpc-js server: it refuses a call on its
 * metadata, before a message is read. `services` are those that the server has;
 * a method of any other is refused. A grpc-js before 1.10 ignores interceptors:
 * make the server by `guardedServer`.
 * @throws Error where a method has no valid access rule
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
    if (!method) throw new ConnectError('There is no such method.', Code.Unimplemented);
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
 * A grpc-js server whose calls all pass the guard first. It is made by the grpc-js
 * that the guard itself stands on, which is known to run interceptors.
 * @throws Error where a method of the services has no valid access rule
 */
export function guardedServer(guard: Guard, services: readonly DescService[], options: ServerOptions = {}): Server {
  return new Server({ ...options, interceptors: [grpcGate(guard, services), ...(options.interceptors ?? [])] });
}

/** Who is calling, in a grpc-js handler. Empty on a public method. */
export function identityOfCall(call: { readonly metadata: Metadata }): Identity {
  return identities.get(call.metadata) ?? {};
}

/**
 * The user who is calling, in a grpc-js handler. Throws TOKEN_REQUIRED without
 * one, which cannot be where the rule is `authenticated`. Elsewhere look at
 * `identityOfCall`: grpc-js lets what a handler throws end the process.
 */
export function userOfCall(call: { readonly metadata: Metadata }): Principal {
  return userIn(identityOfCall(call));
}

/**
 * The gRPC status of an error, details (google.rpc.Status) and headers included.
 * What is not a ConnectError is INTERNAL, its text kept back.
 */
export function statusOf(error: unknown): StatusObject {
  return toStatus(error instanceof ConnectError ? error : new ConnectError('Something went wrong.', Code.Internal));
}
