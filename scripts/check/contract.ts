import type { DescMethod } from '@bufbuild/protobuf';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import type { AnyService } from '#kit/service/service.ts';
import { services } from '../../services/registry.ts';
import { contractServices, ownServices } from '../contract.ts';
import { type Check, expectNone } from './check.ts';

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
    const inRegistry = new Set(Object.values<AnyService>(services).flatMap(({ contract }) => contract));
    const ours = await ownServices();
    expectNone(
      ours
        // A producer's contract gets EventService from `produces`, and no service of the registry produces events yet.
        .filter((service) => !inRegistry.has(service) && service !== EventService)
        .map(({ typeName }) => `${typeName}: not in the contract of any services/<name>/service.ts`),
    );
  },
};
