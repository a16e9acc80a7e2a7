import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { exampleOf } from '#kit/contract/example.ts';
import { contractServices } from '../contract.ts';
import { type Check, expectNone, root } from './check.ts';

/** Every method of the contract has a valid example request. */
export const examples: Check = {
  claim: 'every method has a valid example request',
  async run() {
    const services = await contractServices();
    // Test services need no examples.
    const ours = services.filter(({ file }) => existsSync(path.join(root, 'proto', `${file.name}.proto`)));
    expectNone(faultyExamples(ours));
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
