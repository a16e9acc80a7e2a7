import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { rate, RateClass } from '#gen/proto/signet/policy/v1/policy_pb.ts';

/** A budget of requests, as the contract names it. */
export type RateClassName = 'standard' | 'credentials' | 'light';

const names: Readonly<Record<RateClass, RateClassName>> = {
  [RateClass.UNSPECIFIED]: 'standard',
  [RateClass.STANDARD]: 'standard',
  [RateClass.CREDENTIALS]: 'credentials',
  [RateClass.LIGHT]: 'light',
};

/** Classes that were read before: an option is decoded anew each time that it is asked for. */
const known = new WeakMap<DescMethod, RateClassName>();

/** The class that a method's definition declares; standard where it declares none. */
export function rateClassOf(method: DescMethod): RateClassName {
  const found = known.get(method) ?? names[getOption(method, rate)] ?? 'standard';
  known.set(method, found);
  return found;
}
