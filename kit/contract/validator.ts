import { createValidator as createValidatorOf, type Validator } from '@bufbuild/protovalidate';
import { ownRules } from './own-rules.ts';

/** Creates a validator that knows the contract's own rules. It compiles a message's rules when it first sees the message. */
export function createValidator(): Validator {
  return createValidatorOf({ registry: ownRules });
}
