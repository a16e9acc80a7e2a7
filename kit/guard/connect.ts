import type { DescService } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type ServiceImpl,
} from '@connectrpc/connect';
import { Health } from '../../gen/proto/grpc/health/v1/health_pb.ts';
import { assertCovered } from './access.ts';
import type { Caller, Principal } from './claims.ts';
import { assertGuard, type Guard, userIn } from './guard.ts';
import type { Identity } from './policy.ts';

/** Identity of a call that no gate admitted. */
const notAdmitted: Identity = Object.freeze({});

/** Context key of the identity that the gate sets. */
export const identityKey = createContextKey<Identity>(notAdmitted, { description: 'identity' });

/** Context key of the result of `guard.caller` for this call. If it is set, the gate does not verify the caller again. */
export const callerKey = createContextKey<Promise<Caller | undefined> | undefined>(undefined, {
  description: 'caller',
});

/** Runs on the headers, before the body is read. */
type RequestGate = (context: HandlerContext) => Promise<void>;

/**
 * Returns a guard as Connect's `requestGate`. Connect before 2.2 ignores gates:
 * use `guardedConnect`, which detects that at start.
 */
export function connectGate(guard: Guard): RequestGate {
  assertGuard(guard);
  return async (context) => {
    const { method, requestHeader, values } = context;
    values.set(identityKey, await guard.admit(method, requestHeader, values.get(callerKey)));
  };
}

/**
 * Mounts services behind a guard: the options `routes` and `requestGate` of a
 * Connect adapter (connect-fastify, connect-node, connect-express).
 *
 * The gate checks each call on its headers, before its body is read. Handlers are
 * also wrapped: a call that did not pass the gate, for example because other
 * options replaced it, fails with INTERNAL.
 * `routes` throws an Error if a method has no valid access rule, or if the loaded
 * version of Connect ignores `requestGate` (before 2.2).
 */
export function guardedConnect(guard: Guard, routes: (router: ConnectRouter) => unknown) {
  return {
    requestGate: connectGate(guard),
    routes(router: ConnectRouter): void {
      assertGated(router);
      routes(guardedRouter(router));
    },
  };
}

/** Returns the verified identity of the call. Empty on a public method. */
export function identityOf(values: ContextValues): Identity {
  return values.get(identityKey);
}

/** Returns whether a gate admitted the call. */
export function isAdmitted(values: ContextValues): boolean {
  return identityOf(values) !== notAdmitted;
}

/** Returns the calling user. @throws TOKEN_REQUIRED without a user */
export function userOf(values: ContextValues): Principal {
  return userIn(identityOf(values));
}

function guardedRouter(router: ConnectRouter): ConnectRouter {
  const guarded: ConnectRouter = {
    handlers: router.handlers,
    service(desc, implementation, options) {
      assertCovered([desc]);
      router.service(desc, admittedService(desc, implementation), options);
      return guarded;
    },
    rpc(method, implementation, options) {
      assertCovered([{ ...method.parent, methods: [method] }]);
      router.rpc(method, admitted(implementation as Handler) as typeof implementation, options);
      return guarded;
    },
  };
  return guarded;
}

function admittedService<S extends DescService>(desc: S, implementation: Partial<ServiceImpl<S>>) {
  const given = implementation as Record<string, Handler | undefined>;
  const wrapped: Record<string, Handler> = {};
  for (const { localName } of desc.methods) {
    const method = given[localName];
    // Bound, because an implementation may be a class instance.
    if (method) wrapped[localName] = admitted(method.bind(implementation));
  }
  return wrapped as Partial<ServiceImpl<S>>;
}

/** A handler of any kind of method. */
type Handler = (input: unknown, context: HandlerContext) => unknown;

/** Wraps a handler to refuse calls that no gate admitted. */
function admitted(run: Handler): Handler {
  return (input, context) => {
    if (!isAdmitted(context.values)) {
      const cause = new Error('the gate of the guard has not run');
      throw new ConnectError('The guard is not in force.', Code.Internal, undefined, undefined, cause);
    }
    return run(input, context);
  };
}

/**
 * Checks that the Connect that created this router runs gates, by calling a
 * temporary handler of it. A version check would not do: several copies of Connect
 * may be loaded, and the adapter's copy matters.
 */
function assertGated(router: ConnectRouter): void {
  let ran = false;
  const requestGate = async () => {
    ran = true;
    throw new ConnectError('a probe', Code.Unimplemented);
  };
  const before = router.handlers.length;
  router.service(Health, {}, { requestGate });
  const probe = router.handlers.splice(before).find(({ method }) => method.name === Health.method.check.name);
  const answer = probe?.({
    httpVersion: '1.1',
    method: 'POST',
    url: 'http://probe.invalid/',
    header: new Headers({ 'content-type': 'application/json' }),
    body: nothing(),
    signal: AbortSignal.abort(),
  });
  // Only `ran` matters: the result and its errors are ignored.
  answer?.catch(() => undefined);
  if (ran) return;
  throw new Error(
    'The guard needs @connectrpc/connect 2.2.0 or newer, and its adapters of the same version: ' +
      'the one that is loaded ignores requestGate, which would leave every method open.',
  );
}

async function* nothing(): AsyncIterable<Uint8Array> {
  // An empty body.
}
