import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { listenersOf } from '#kit/events/types.ts';
import { accessOf } from '#kit/guard/access.ts';
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

/**
 * The rules of EventService and of ConfirmErasure, the listeners of the events and the definitions name the same services.
 * The registry refuses a consumer that the contract does not name; here a name without a consumer is a fault, too.
 */
export const consumers: Check = {
  claim: 'the contract names the consumers of events, and no other services',
  async run() {
    const all = Object.values<AnyService>(services);
    const consuming = (payload: DescMessage) =>
      all.filter(({ consumes = {} }) => Object.values(consumes).some((payloads) => payloads.includes(payload)));
    const payloads = all.flatMap(({ produces = [] }) => produces);
    expectNone([
      ...payloads.flatMap((payload) => differ(payload.typeName, listenersOf(payload), namesOf(consuming(payload)))),
      ...differ(
        'EventService.Watch',
        callersOf(EventService.method.watch),
        namesOf(all.filter(({ consumes = {} }) => Object.keys(consumes).length > 0)),
      ),
      ...differ(
        'AccountService.ConfirmErasure',
        callersOf(AccountService.method.confirmErasure),
        namesOf(consuming(UserDeletedSchema)),
      ),
    ]);
  },
};

function namesOf(all: readonly AnyService[]): string[] {
  return all.map(({ name }) => name);
}

function callersOf(method: DescMethod): readonly string[] {
  const rule = accessOf(method);
  return rule === 'public' ? [] : (rule.callers ?? []);
}

function differ(what: string, named: readonly string[], consuming: readonly string[]): string[] {
  return [
    ...consuming.filter((name) => !named.includes(name)).map((name) => `${what} does not name ${name}`),
    ...named
      .filter((name) => !consuming.includes(name))
      .map((name) => `${what} names ${name}, which consumes none of it`),
  ];
}

/** The registry serves every service of the contract, so the suites over the registry test all of them. */
export const served: Check = {
  claim: 'every service of the contract is in the registry',
  async run() {
    const inRegistry = new Set(Object.values<AnyService>(services).flatMap(({ contract }) => contract));
    const ours = await ownServices();
    expectNone(
      ours
        .filter((service) => !inRegistry.has(service))
        .map(({ typeName }) => `${typeName}: not in the contract of any services/<name>/service.ts`),
    );
  },
};
