import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { http } from '../../gen/proto/google/api/annotations_pb.ts';
import { Health } from '../../gen/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { access, type Authenticated } from '../../gen/proto/signet/policy/v1/policy_pb.ts';
import type { Acr } from './acr.ts';
import { type AccessRule, faultsOf, type UserRule } from './rule.ts';

/** Services of others, whose definitions cannot carry our option, and which anybody may ask. */
const publicServices: ReadonlySet<string> = new Set([Health.typeName, ServerReflection.typeName]);

/** Rules that were read before: an option is decoded anew each time that it is asked for. */
const rules = new WeakMap<DescMethod, AccessRule>();

/** The access rule that a method's definition declares. Throws an Error where there is none, or no valid one. */
export function accessOf(method: DescMethod, knownRoles?: ReadonlySet<string>): AccessRule {
  const known = rules.get(method);
  if (known && !knownRoles) return known;
  const rule = declared(method);
  const faults = faultsOf(rule, knownRoles);
  if (rule !== 'public' && rule.internal && hasOption(method, http)) faults.push('internal, and yet on REST');
  if (faults.length > 0) throw new Error(faults.join(', '));
  rules.set(method, rule);
  return rule;
}

/**
 * Checks, before anything starts, that every method has a valid access rule, and
 * that its roles exist where `knownRoles` is given. Throws one Error that names
 * every method at fault.
 */
export function assertCovered(services: Iterable<DescService>, knownRoles?: Iterable<string>): void {
  const roles = knownRoles && new Set(knownRoles);
  const faults: string[] = [];
  for (const method of [...services].flatMap((service) => service.methods)) {
    try {
      accessOf(method, roles);
    } catch (error) {
      faults.push(`${method.parent.typeName}/${method.name}: ${(error as Error).message}`);
    }
  }
  if (faults.length > 0) throw new Error(`Methods without a valid access rule:\n${faults.join('\n')}`);
}

function declared(method: DescMethod): AccessRule {
  if (publicServices.has(method.parent.typeName)) return 'public';
  if (!hasOption(method, access)) throw new Error('no access rule');
  const option = getOption(method, access);
  const { rule } = option;
  // What a newer contract demands and this build does not know must not be passed over.
  if (option.$unknown?.length || rule.value?.$unknown?.length) throw new Error('a rule that this build does not know');
  if (rule.case === undefined) throw new Error('an empty access rule');
  if (rule.case === 'public') return 'public';
  if (rule.case === 'internal') return { internal: true, ...named({ callers: rule.value.callers }) };
  return userRule(rule.value);
}

function userRule({ roles, scopes, callers, acr, maxAuthAge, maxStaleness, services }: Authenticated): UserRule {
  return {
    ...named({ roles, scopes, callers }),
    // Not known to be one yet: that is for the rule's schema to say.
    ...(acr === '' ? {} : { acr: acr as Acr }),
    ...(maxAuthAge ? { maxAuthAge: secondsOf(maxAuthAge) } : {}),
    ...(services ? { services } : {}),
    ...(maxStaleness ? { maxStaleness: secondsOf(maxStaleness) } : {}),
  };
}

/** Lists that name something: in a definition, an empty one is one that was left out. */
function named<T extends Record<string, readonly string[]>>(lists: T): Partial<T> {
  return Object.fromEntries(Object.entries(lists).filter(([, names]) => names.length > 0)) as Partial<T>;
}

function secondsOf({ seconds, nanos }: Duration): number {
  return Number(seconds) + nanos / 1e9;
}
