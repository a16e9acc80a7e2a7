import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { accessOf, assertCovered } from '#kit/guard/access.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import type { AnyService } from '#kit/service/service.ts';
import { services as registered } from '../../services/registry.ts';
import { contractServices } from '../contract.ts';
import { type Check, expectNone, root, Violation } from './check.ts';

/** Every method of the contract has an access rule. */
export const access: Check = {
  claim: 'every method has an access rule',
  async run() {
    const services = await contractServices();
    if (services.length === 0) throw new Violation('no service found in gen/proto/signet');
    try {
      assertCovered(services, builtInRoles);
    } catch (error) {
      throw new Violation((error as Error).message);
    }
  },
};

/** The edge rule of every method is valid. */
export const edgeRules: Check = {
  claim: 'every edge rule is valid',
  async run() {
    const methods = (await contractServices()).flatMap((service) => service.methods);
    expectNone(methods.flatMap(faultOfEdgeRule));
  },
};

function faultOfEdgeRule(method: DescMethod): string[] {
  try {
    edgeRuleOf(method);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** The registry serves every service of the contract, so the suites over the registry test all of them. */
export const served: Check = {
  claim: 'every service of the contract is in the registry',
  async run() {
    const inRegistry = new Set(Object.values<AnyService>(registered).flatMap(({ contract }) => contract));
    // Services in test/proto exist for tests only.
    const ours = (await contractServices()).filter(({ file }) =>
      existsSync(path.join(root, 'proto', `${file.name}.proto`)),
    );
    expectNone(
      ours
        // A producer's contract gets EventService from `produces`, and no service of the registry produces events yet.
        .filter((service) => !inRegistry.has(service) && service !== EventService)
        .map(({ typeName }) => `${typeName}: not in the contract of any services/<name>/service.ts`),
    );
  },
};

/** Every method of the auth service with which administrators change state requires a recent sign-in. */
export const recentSignIn: Check = {
  claim: 'every state-changing admin method of the auth service requires a recent sign-in',
  async run() {
    const services = (await contractServices()).filter(({ file }) => file.proto.package === 'signet.auth.v1');
    if (services.length === 0) throw new Violation('no service found in signet.auth.v1');
    expectNone(
      actsWithoutRecentSignIn(services),
      'Without it, a stolen old session could change permissions: see docs/policy.md.',
    );
  },
};

/** Maximum age of a recent sign-in, s. */
const recent = 300;

/** Lists the state-changing methods that administrators may call and whose rule accepts a sign-in older than five minutes. */
export function actsWithoutRecentSignIn(services: readonly DescService[]): string[] {
  return services
    .flatMap(({ methods }) => methods)
    .filter((method) => {
      const rule = accessOf(method);
      if (method.idempotency === Idempotency.NO_SIDE_EFFECTS || rule === 'public' || rule.internal) return false;
      const isAdmins = rule.roles?.includes('admin') === true || rule.scopes?.includes('signet:admin') === true;
      return isAdmins && (rule.maxAuthAge ?? Infinity) > recent;
    })
    .map(({ parent, name }) => `${parent.typeName}/${name}: no max_auth_age of at most ${recent} s`);
}
