import { type DescExtension, type DescMessage, getOption, hasOption, type JsonValue, toJson } from '@bufbuild/protobuf';
import {
  field as fieldRules,
  FieldRulesSchema,
  message as messageRules,
  MessageRulesSchema,
  predefined,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { isSafePattern } from 'redos-detector';
import { isPortable, ownRules, patternOf, reasonOfRule } from '#kit/contract/own-rules.ts';
import { ownFiles } from '../contract.ts';
import { type Check, expectNone } from './check.ts';

/** Every rule of the contract has a sentence for people and a reason for programs. */
export const rules: Check = {
  claim: 'every rule of the contract has a sentence and a reason',
  async run() {
    const files = await ownFiles();
    expectNone(
      [...files.flatMap(({ messages }) => messages.flatMap(faultyRules)), ...extensionsOf().flatMap(faultsOfOwnRule)],
      'See proto/signet/type/v1/text.proto.',
    );
  },
};

const extensionsOf = (): DescExtension[] => [...ownRules].filter((type) => type.kind === 'extension');

/** Lists the rules of a message and of those declared in it that have no sentence or no reason. */
export function faultyRules(desc: DescMessage): string[] {
  const ofMessage = hasOption(desc, messageRules)
    ? faultsIn(toJson(MessageRulesSchema, getOption(desc, messageRules)))
    : [];
  const ofFields = desc.fields.flatMap((field) =>
    hasOption(field, fieldRules)
      ? faultsIn(toJson(FieldRulesSchema, getOption(field, fieldRules), { registry: ownRules })).map(
          (fault) => `${field.name}: ${fault}`,
        )
      : [],
  );
  return [
    ...[...ofMessage, ...ofFields].map((fault) => `${desc.typeName}: ${fault}`),
    ...desc.nestedMessages.flatMap(faultyRules),
  ];
}

/** Lists the faults of the rules that the contract adds to those of protovalidate. */
export function faultsOfOwnRule(rule: DescExtension): string[] {
  const { cel } = getOption(rule, predefined);
  const pattern = patternOf(rule);
  const isMatching = cel.some(({ expression }) => expression.includes('matches('));
  return [
    ...(cel.length === 1 ? [] : ['must have one CEL rule']),
    ...cel.flatMap(faultsOfCel),
    ...(isMatching && pattern === undefined ? ["must match a raw string: this.matches(r'...')"] : []),
    ...(pattern === undefined ? [] : faultsOfPattern(pattern)),
  ].map((fault) => `${rule.typeName}: ${fault}`);
}

/** Walks rules as JSON, which has only those that are set. */
function faultsIn(json: JsonValue): string[] {
  if (Array.isArray(json)) return json.flatMap(faultsIn);
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([name, value]) => {
    if (name === 'pattern') return ['pattern shows its regular expression: use a rule of the contract'];
    if (name === 'celExpression') return ['a CEL expression without id and message'];
    if (name === 'cel') {
      return (value as unknown as { id?: string; message?: string; expression?: string }[]).flatMap((rule) => [
        ...faultsOfCel(rule),
        // The validator knows the patterns of the contract's rules only.
        ...(rule.expression?.includes('matches(') ? ['matches(): use a rule of the contract'] : []),
      ]);
    }
    return faultsIn(value);
  });
}

function faultsOfCel({ id = '', message = '' }: { readonly id?: string; readonly message?: string }): string[] {
  return [
    // google.rpc.BadRequest.FieldViolation.reason
    ...(/^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/.test(reasonOfRule(id)) ? [] : [`id "${id}" makes no reason`]),
    ...(message === '' ? [`${id} has no message`] : []),
    ...(/[\\^$*{}[\]|]|\(\?/.test(message) ? [`${id}: its message shows a regular expression`] : []),
  ];
}

/** The validator matches by RegExp with the flag u; portable patterns are published, for RegExp without it as well. */
function faultsOfPattern(pattern: string): string[] {
  // Others that are not portable are not published, and the sentence stands in the document instead.
  if (/\\p|\(\?/.test(pattern)) return ['must not have \\p{...} or flags in its pattern'];
  if (!isReadable(pattern, 'u') || (isPortable(pattern) && !isReadable(pattern, ''))) {
    return ['must have a pattern that ECMAScript reads with and without the flag u'];
  }
  // Where a text can match in several ways, RegExp tries them all, in more than linear time.
  const { safe } = isSafePattern(pattern, { unicode: true, maxScore: 1 });
  return safe ? [] : ['must have a pattern that matches a text in one way only'];
}

function isReadable(pattern: string, flags: string): boolean {
  try {
    return Boolean(new RegExp(pattern, flags));
  } catch {
    return false;
  }
}
