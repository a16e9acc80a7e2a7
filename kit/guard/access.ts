import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { http } from '../../gen/proto/google/api/annotations_pb.ts';
import { Health } from '../../gen/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { access, type Authenticated } from '../../gen/proto/signet/policy/v1/policy_pb.ts';
import type { Acr } from './acr.ts';
import { type AccessRule, faultsOf, type UserRule } from './rule.ts';

/** Public standard services. Their definitions cannot carry our option. */
const publicServices: ReadonlySet<string> = new Set([
  Health.typeName,
  ServerReflection.typeName,
  'grpc.reflection.v1alpha.ServerReflection',
]);

/** Cache of access rules, because `getOption` decodes the option on every call. */
const rules = new WeakMap<DescMethod, AccessRule>();

/**
 * Returns the access rule that a method's definition declares.
 * @throws Error if the rule is missing or invalid
 */
export function accessOf(method: DescMethod, knownRoles?: ReadonlySet<string>): AccessRule {
  const known = rules.get(method);
  if (known && !knownRoles) return known;
  const rule = declared(method);
  const faults = faultsOf(rule, knownRoles);
  if (rule !== 'public' && rule.internal && hasOption(method, http))
    faults.push('an internal method must not have a REST route');
  if (faults.length > 0) throw new Error(faults.join(', '));
  rules.set(method, rule);
  return rule;
}

/**
 * Checks at start that every method has a valid access rule, and that the roles
 * in it exist if `knownRoles` is given.
 * @throws Error naming every method that fails
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
  // A condition of a newer contract must not be ignored.
  if (option.$unknown?.length || rule.value?.$unknown?.length) throw new Error('access rule has an unknown field');
  if (rule.case === undefined) throw new Error('empty access rule');
  if (rule.case === 'public') return 'public';
  if (rule.case === 'internal') return { internal: true, ...named({ callers: rule.value.callers }) };
  return userRule(rule.value);
}

function userRule({ roles, scopes, callers, acr, maxAuthAge, maxStaleness, services }: Authenticated): UserRule {
  return {
    ...named({ roles, scopes, callers }),
    // Validated by the rule's schema (`faultsOf`).
    ...(acr === '' ? {} : { acr: acr as Acr }),
    ...(maxAuthAge ? { maxAuthAge: secondsOf(maxAuthAge) } : {}),
    ...(services ? { services } : {}),
    ...(maxStaleness ? { maxStaleness: secondsOf(maxStaleness) } : {}),
  };
}

/** Returns the lists that are not empty. In protobuf an unset list is an empty list. */
function named<T extends Record<string, readonly string[]>>(lists: T): Partial<T> {
  return Object.fromEntries(Object.entries(lists).filter(([, names]) => names.length > 0)) as Partial<T>;
}

function secondsOf({ seconds, nanos }: Duration): number {
  return Number(seconds) + nanos / 1e9;
}
