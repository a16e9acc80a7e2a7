import type { DescService } from '@bufbuild/protobuf';
import { exampleOf } from '#kit/contract/example.ts';
import { ownServices } from '../contract.ts';
import { type Check, expectNone } from './check.ts';

/** Every method of the contract has a valid example request. */
export const examples: Check = {
  claim: 'every method has a valid example request',
  async run() {
    expectNone(faultyExamples(await ownServices()));
  },
};

/** Lists the faults of the examples of services' methods. */
export function faultyExamples(services: readonly DescService[]): string[] {
  return services
    .flatMap(({ methods }) => methods)
    .flatMap((method) => {
      try {
        exampleOf(method);
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
}
