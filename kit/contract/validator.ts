import { createValidator as createValidatorOf, type Validator, type ValidatorOptions } from '@bufbuild/protovalidate';
import { ownRules } from './own-rules.ts';

/**
 * Creates a validator that knows the contract's own rules. It compiles a message's rules when it first sees the message.
 * @param options.regexMatch matches a text against a pattern; RE2 by default
 */
export function createValidator(options: Pick<ValidatorOptions, 'regexMatch'> = {}): Validator {
  return createValidatorOf({ registry: ownRules, ...options });
}
