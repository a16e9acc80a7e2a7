import type { DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { accessOf, assertCovered } from '#kit/guard/access.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import { contractServices } from '../contract.ts';
import { type Check, expectNone, Violation } from './check.ts';

/** Every method of our contract says who may call it. */
export const access: Check = {
  claim: 'every method has an access rule',
  async run() {
    const services = await contractServices();
    if (services.length === 0) throw new Violation('there is no service in gen/proto/signet');
    try {
      assertCovered(services, builtInRoles);
    } catch (error) {
      throw new Violation((error as Error).message);
    }
  },
};

/** Every act of an administrator on identities needs a recent sign-in. */
export const recentSignIn: Check = {
  claim: 'every admin act of the auth service needs a recent sign-in',
  async run() {
    const services = (await contractServices()).filter(({ file }) => file.proto.package === 'signet.auth.v1');
    if (services.length === 0) throw new Violation('there is no service in signet.auth.v1');
    expectNone(
      actsWithoutRecentSignIn(services),
      'An old session is a stolen one sooner or later: see docs/policy.md.',
    );
  },
};

/** The longest that a sign-in counts as recent, s. */
const recent = 300;

/**
 * Lists the methods that administrators may call, that change something, and whose rule accepts a sign-in older than
 * five minutes.
 */
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
