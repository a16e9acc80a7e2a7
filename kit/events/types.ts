import { type DescMessage, getOption, type MessageShape } from '@bufbuild/protobuf';
import { listeners } from '#gen/proto/signet/policy/v1/policy_pb.ts';

/** The form of a payload message's name: two words or more, each of letters alone. */
const nameForm = /^(?:[A-Z][a-z]+){2,}$/;

/**
 * The type of the events whose payload is a message: UserDeleted is `user.deleted`, SessionReuseDetected is
 * `session.reuse_detected`. No table of types exists besides the messages.
 * @throws Error where the message's name is not two words or more in UpperCamelCase
 */
export function typeOf({ name }: DescMessage): string {
  if (!nameForm.test(name)) throw new Error(`${name} is not the name of an event: two words or more, as UserDeleted`);
  const [noun = '', ...verb] = (name.match(/[A-Z][a-z]+/g) ?? []).map((word) => word.toLowerCase());
  return `${noun}.${verb.join('_')}`;
}

/** The services that may consume an event whose payload is this message (signet.policy.v1.listeners), by name. */
export function listenersOf(payload: DescMessage): readonly string[] {
  return getOption(payload, listeners);
}

/** An event as a consumer gets it. `message.$typeName` tells the types of several apart. */
export interface FollowedEvent<D extends DescMessage = DescMessage> {
  /** UUIDv7. */
  readonly id: string;
  /** Place in the producer's log, from 1. */
  readonly position: bigint;
  readonly type: string;
  /** Id of what the event is about. */
  readonly subject: string;
  /** When the transaction that recorded the event began. */
  readonly time: Date;
  readonly message: D extends DescMessage ? MessageShape<D> : never;
}
