import type { DescMessage } from '@bufbuild/protobuf';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { listenersOf, typeOf } from '#kit/events/types.ts';
import { accessOf } from '#kit/guard/access.ts';
import type { AnyService } from './service.ts';

/**
 * What is wrong with the events of services that run together, a sentence each; empty where nothing is: types that two
 * services produce, a producer without EventService in its contract or the reverse, a type that is consumed and not
 * produced, and a consumer that a payload message or the rule of EventService does not name.
 */
export function eventFaults(definitions: Readonly<Record<string, AnyService>>): string[] {
  const producers = new Map<string, string>();
  return Object.values(definitions).flatMap((service) => [
    ...faultsOfProducer(service, producers),
    ...Object.entries(service.consumes ?? {}).flatMap(([source, payloads]) =>
      faultsOfConsumer(service.name, source, payloads, definitions[source]),
    ),
  ]);
}

/** @param producers who produces each type, of the services before this one */
function faultsOfProducer({ name, contract, produces = [] }: AnyService, producers: Map<string, string>): string[] {
  const faults: string[] = [];
  const serves = contract.includes(EventService);
  if (serves !== produces.length > 0) {
    faults.push(serves ? `${name} serves EventService and produces nothing` : `${name} produces without EventService`);
  }
  for (const payload of produces) {
    const type = typeOf(payload);
    const other = producers.get(type);
    if (other !== undefined) faults.push(`${other} and ${name} both produce ${type}`);
    producers.set(type, name);
  }
  return faults;
}

function faultsOfConsumer(
  name: string,
  source: string,
  payloads: readonly DescMessage[],
  producer: AnyService | undefined,
): string[] {
  const rule = accessOf(EventService.method.watch);
  const callers = rule === 'public' ? [] : (rule.callers ?? []);
  const faults = callers.includes(name) ? [] : [`${name} consumes events and is no caller of EventService.Watch`];
  for (const payload of payloads) {
    const type = typeOf(payload);
    if (!producer?.produces?.includes(payload))
      faults.push(`${name} consumes ${type}, which ${source} does not produce`);
    if (!listenersOf(payload).includes(name)) faults.push(`${name} consumes ${type}, whose listeners do not name it`);
  }
  return faults;
}
