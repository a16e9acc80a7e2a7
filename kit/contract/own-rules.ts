import { createRegistry, type DescExtension, getOption } from '@bufbuild/protobuf';
import { predefined } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { file_signet_type_v1_text } from '../../gen/proto/signet/type/v1/text_pb.ts';

/** The rules that the contract adds to those of protovalidate (signet/type/v1/text.proto). */
export const ownRules = createRegistry(file_signet_type_v1_text);

/** Returns the reason of a field that violates a rule: the rule's id in capitals, STRING_MIN_LEN for string.min_len. */
export function reasonOfRule(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase();
}

/** Returns the sentence of a rule of the contract. */
export function sentenceOf(rule: DescExtension): string {
  return celOf(rule)?.message ?? '';
}

/** Returns the pattern of a rule of the contract: the raw string in its matches(). undefined without one. */
export function patternOf(rule: DescExtension): string | undefined {
  return /this\.matches\(r'([^']*)'\)/.exec(celOf(rule)?.expression ?? '')?.[1];
}

const ownPatterns: ReadonlyMap<string, RegExp> = new Map(
  [...ownRules].flatMap((rule) => {
    const pattern = rule.kind === 'extension' ? patternOf(rule) : undefined;
    return pattern === undefined ? [] : [[pattern, new RegExp(pattern, 'u')] as const];
  }),
);

/**
 * Returns whether a text matches a pattern of the contract's rules, by RegExp: RE2 costs several times as much. These
 * patterns match a text in one way only (`npm run check`), so the time is linear in the text, as with RE2.
 * @throws Error if no rule of the contract has the pattern
 */
export function matchesOwn(pattern: string, text: string): boolean {
  const known = ownPatterns.get(pattern);
  if (!known) throw new Error('a pattern that no rule of the contract has: see proto/signet/type/v1/text.proto');
  return known.test(text);
}

/**
 * Returns whether a pattern means the same in RE2 and in ECMAScript, with and without the flag `u`, and is ASCII. Only
 * such patterns can be published: generators of clients drop the flag, and some undo escapes such as U+2028.
 */
export function isPortable(pattern: string): boolean {
  return /^[\x20-\x7e]*$/.test(pattern) && !/\\[^\\.+*?()[\]{}|^$/x-]|\(\?/.test(pattern);
}

function celOf(rule: DescExtension) {
  return getOption(rule, predefined).cel[0];
}
