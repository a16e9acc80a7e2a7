import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { rate, RateClass } from '#gen/proto/signet/policy/v1/policy_pb.ts';

/** A rate limit class of the contract. */
export type RateClassName = 'standard' | 'credentials' | 'light';

const names: Readonly<Record<RateClass, RateClassName>> = {
  [RateClass.UNSPECIFIED]: 'standard',
  [RateClass.STANDARD]: 'standard',
  [RateClass.CREDENTIALS]: 'credentials',
  [RateClass.LIGHT]: 'light',
};

/** Cache of rate classes, because `getOption` decodes the option on every call. */
const known = new WeakMap<DescMethod, RateClassName>();

/** Returns the rate class of a method. Default: standard. */
export function rateClassOf(method: DescMethod): RateClassName {
  const found = known.get(method) ?? names[getOption(method, rate)] ?? 'standard';
  known.set(method, found);
  return found;
}
