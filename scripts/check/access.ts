import type { DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { accessOf, assertCovered } from '#kit/guard/access.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import { contractServices } from '../contract.ts';
import { type Check, expectNone, Violation } from './check.ts';

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
