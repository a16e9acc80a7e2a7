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

/** What a call has that passed no gate. */
const notAdmitted: Identity = Object.freeze({});

/** Context value under which the gate leaves who is calling. */
export const identityKey = createContextKey<Identity>(notAdmitted, { description: 'identity' });

/** Context value under which `guard.caller` of this very call may be left, so that the gate does not ask it again. */
export const callerKey = createContextKey<Promise<Caller | undefined> | undefined>(undefined, {
  description: 'caller',
});

/** Runs on headers, before a body is read. */
type RequestGate = (context: HandlerContext) => Promise<void>;

/**
 * A guard as Connect's `requestGate`. Connect before 2.2 ignores a gate: mount
 * services by `guardedConnect`, which does not start there.
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
 * Each call is admitted on its headers, before its body is read. The handlers
 * are wrapped besides: one that is called without having been admitted, whatever
 * options took the gate away, refuses with INTERNAL.
 * `routes` throws an Error where a method has no valid access rule, and where the
 * Connect that is loaded ignores `requestGate`, as those before 2.2 do.
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

/** Who is calling. Empty on a public method. */
export function identityOf(values: ContextValues): Identity {
  return values.get(identityKey);
}

/** Tells whether a gate admitted the call, whoever calls. */
export function isAdmitted(values: ContextValues): boolean {
  return identityOf(values) !== notAdmitted;
}

/** The user who is calling. @throws TOKEN_REQUIRED without one */
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
    // Bound, for an implementation may be an object of a class.
    if (method) wrapped[localName] = admitted(method.bind(implementation));
  }
  return wrapped as Partial<ServiceImpl<S>>;
}

/** A handler of any kind of method, as far as matters here. */
type Handler = (input: unknown, context: HandlerContext) => unknown;

/** A handler that refuses what no gate has admitted. */
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
 * Looks whether the Connect that made this router runs gates, by calling a
 * handler of it that goes again at once: there may be several copies of Connect,
 * and the one that matters is the adapter's.
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
  // What it answers is of no interest, an error included.
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
