import { create, type DescMessage, type DescService, type Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { failure, maxViolations } from '#kit/errors/failure.ts';
import { matchesOwn, reasonOfRule } from './own-rules.ts';
import { createValidator } from './validator.ts';

const validator = createValidator({ regexMatch: matchesOwn });

/**
 * Validates a message against the rules in its proto.
 * @throws INVALID_ARGUMENT naming all invalid fields, never their values
 */
export function assertValid(desc: DescMessage, message: Message): void {
  const result = validator.validate(desc, message);
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw failure('INTERNAL', { cause: result.error });
  throw failure('INVALID_ARGUMENT', {
    fields: result.violations.slice(0, maxViolations).map(({ field, message: description, ruleId }) => ({
      field: pathToString(field),
      description: description || 'is not valid',
      reason: reasonOfRule(ruleId),
    })),
  });
}

/** Compiles the rules of services' messages, so that no call has to. */
export function compileRules(services: readonly DescService[]): void {
  for (const { input } of services.flatMap((service) => service.methods)) validator.validate(input, create(input));
}

/** Validates messages as they are read. */
export async function* validated<T extends Message>(desc: DescMessage, messages: AsyncIterable<T>): AsyncIterable<T> {
  for await (const message of messages) {
    assertValid(desc, message);
    yield message;
  }
}
