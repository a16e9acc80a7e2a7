import type { DescService } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { failure, outward } from '#kit/errors/failure.ts';
import { accessOf, assertCovered } from '#kit/guard/access.ts';
import type { Guard } from '#kit/guard/guard.ts';
import { callerKey } from '#kit/guard/connect.ts';
import type { Log } from '#kit/log/log.ts';
import { type Bound, type Bounds, createBound } from '#kit/net/bound.ts';
import { createRpcApp, type Gate, type Mounted, type RpcApp } from '#kit/call/app.ts';
import { createTokenWatch } from './token-watch.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { beginCall, callKey, stageKey } from '#kit/call/call.ts';
import { type CallLog, createCallLog } from '#kit/call/call-log.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { healthOf, type Ready, untilDraining } from './health.ts';
import { defaultStreams } from '#kit/contract/limits.ts';
import { reflectionOf } from './reflection.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import { abortError } from '#kit/call/until-aborted.ts';
import { compileRules } from '#kit/contract/validation.ts';
import { surroundOf } from './surround.ts';

/** @throws Error where what a service mounts is not what its definition says that it serves */
export function assertServes(name: string, contract: readonly DescService[], mounted: readonly Mounted[]): void {
  const said = new Set(contract.map(({ typeName }) => typeName));
  const served = new Set(mounted.map(({ desc }) => desc.typeName));
  const faults = [
    ...[...said].filter((one) => !served.has(one)).map((one) => `${one} is in its contract and not mounted`),
    ...[...served].filter((one) => !said.has(one)).map((one) => `${one} is mounted and not in its contract`),
  ];
  if (faults.length > 0) throw new Error(`services/${name}: ${faults.join(', ')}`);
}

/**
 * Creates an app of services behind the standard stack, with grpc.health.v1 and
 * optionally grpc.reflection.v1. From the outside in:
 *
 *   gate, on headers:  call (request id, trace) -> checks, in order (limits, cookies, guard) -> stream limits
 *   surround.ts:       call context and log -> errors -> validation -> handler
 *
 * @throws Error if a method has no access rule or an invalid edge rule
 */
export function createService(options: {
  readonly mounted: readonly Mounted[];
  readonly checks: readonly Gate[];
  /**
   * Identifies the calling service, and ends streams whose token becomes invalid. Without it, forwarded client addresses
   * are ignored.
   */
  readonly guard?: Pick<Guard, 'caller' | 'verify'>;
  readonly ready: Ready;
  /** Aborted when the process begins to stop: the service is then not ready. */
  readonly draining?: AbortSignal | undefined;
  /** Limits of open streaming calls. */
  readonly streams?: Bounds;
  /** Whether to serve grpc.reflection, v1 and v1alpha. */
  readonly reflection: boolean;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}): RpcApp {
  const { guard, log, metrics } = options;
  const bounds = options.streams ?? defaultStreams;
  const streams = { internal: createBound(bounds), others: createBound(bounds) };
  metrics.watch('signet_streams', () => streams.internal.size + streams.others.size);
  const checks = [...options.checks, streamGate(streams)];
  const calls = createCallLog(log, metrics);
  const own = options.mounted.map(({ desc }) => desc);
  assertCovered(own, builtInRoles);
  for (const method of own.flatMap(({ methods }) => methods)) edgeRuleOf(method);
  const mounted = [...options.mounted, healthOf(own, untilDraining(options.ready, options.draining))];
  if (options.reflection) mounted.push(...reflectionOf(mounted.map(({ desc }) => desc)));
  compileRules(mounted.map(({ desc }) => desc));
  return createRpcApp({
    mounted,
    gate: gateOf(checks, guard, calls),
    surround: surroundOf(calls, guard && createTokenWatch(guard)),
    abandoned: ({ values }, error) => {
      const call = values.get(callKey);
      if (!call || values.get(stageKey) !== 'admitted') return undefined;
      values.set(stageKey, 'begun');
      calls.end(call, error);
      return call.requestId;
    },
  });
}

function gateOf(checks: readonly Gate[], guard: Pick<Guard, 'caller'> | undefined, { end }: CallLog): Gate {
  const isService = async ({ requestHeader, values }: HandlerContext): Promise<boolean> => {
    if (!guard) return false;
    const caller = guard.caller(requestHeader);
    values.set(callerKey, caller);
    return caller.then(
      (found) => found !== undefined,
      () => false,
    );
  };
  return async (context) => {
    const call = await beginCall(context, isService);
    context.values.set(callKey, call);
    context.responseHeader.set('x-request-id', call.requestId);
    try {
      // All checks run even if the call is over already, so that it counts against the client's rate limit.
      for (const check of checks) await check(context);
      if (context.signal.aborted) throw abortError(context.signal);
      context.values.set(stageKey, 'admitted');
    } catch (error) {
      const refusal = outward(error);
      end(call, refusal);
      throw refusal;
    }
  };
}

/**
 * Limits open streams, in total and per address; a stream's signal aborts when it
 * ends. Internal methods have a separate total, which external clients cannot exhaust,
 * and no limit per address, because services share addresses.
 */
function streamGate(streams: { readonly internal: Bound; readonly others: Bound }): Gate {
  return async ({ method, values, signal }) => {
    if (method.methodKind === 'unary' || signal.aborted) return;
    const rule = accessOf(method);
    const isInternal = rule !== 'public' && rule.internal === true;
    const release = isInternal
      ? streams.internal.take()
      : streams.others.take(values.get(callKey)?.address || undefined);
    if (!release) throw failure('RATE_LIMITED', { retryAfter: 1 });
    signal.addEventListener('abort', release, { once: true });
  };
}
