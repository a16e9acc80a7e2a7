import { assertCovered } from '#kit/guard/access.ts';
import { builtInRoles } from '#kit/rpc/roles.ts';
import { contractServices } from '../contract.ts';
import { type Check, Violation } from './check.ts';

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
