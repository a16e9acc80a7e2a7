import { create, createFileRegistry, type DescExtension, setExtension } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import {
  field as fieldRules,
  FieldRulesSchema,
  file_buf_validate_validate,
  StringRulesSchema,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesOwn, ownRules, patternOf } from './own-rules.ts';
import { createValidator } from './validator.ts';

const patterned = [...ownRules].filter(
  (rule): rule is DescExtension => rule.kind === 'extension' && patternOf(rule) !== undefined,
);
const [byRe2, byRegExp] = [createValidator(), createValidator({ regexMatch: matchesOwn })];

/** A message with one text, to which a rule of the contract applies. */
function withRule(rule: DescExtension) {
  const rules = create(StringRulesSchema);
  setExtension(rules, rule, true);
  const options = create(FieldOptionsSchema);
  setExtension(options, fieldRules, create(FieldRulesSchema, { type: { case: 'string', value: rules } }));
  const known = [file_buf_validate_validate, ...file_buf_validate_validate.dependencies];
  const registry = createFileRegistry(
    create(FileDescriptorProtoSchema, {
      name: 'made.proto',
      package: 'made',
      syntax: 'proto3',
      dependency: ['buf/validate/validate.proto'],
      messageType: [
        { name: 'Made', field: [{ name: 'text', number: 1, type: Type.STRING, label: Label.OPTIONAL, options }] },
      ],
    }),
    (name) => known.find((file) => `${file.name}.proto` === name)?.proto,
  );
  return registry.getMessage('made.Made')!;
}

/** Characters of the patterns, those before and after them, and some of each kind. */
function alphabetOf(pattern: string): string[] {
  const named = pattern.replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCodePoint(parseInt(code, 16)));
  const codes = Array.from(`${named}aZ5é字😀\0\n\r\u2028`, (character) => character.codePointAt(0)!);
  return [...new Set(codes.flatMap((code) => [code - 1, code, code + 1]))]
    .filter((code) => code >= 0 && !(code >= 0xd800 && code <= 0xdfff))
    .map((code) => String.fromCodePoint(code));
}

test.each(patterned.map((rule) => [rule.name, rule] as const))(
  '%s accepts the same texts by RegExp as by RE2',
  (_, rule) => {
    const desc = withRule(rule);
    const alphabet = fc.oneof(fc.constantFrom('\0', '\n'), fc.constantFrom(...alphabetOf(patternOf(rule)!)));
    const likely = fc.stringMatching(new RegExp(patternOf(rule)!, 'u'), { maxLength: 30 });
    const text = fc.oneof(fc.string({ unit: alphabet, maxLength: 12 }), fc.string({ unit: 'binary' }), likely);
    const counts = { valid: 0, invalid: 0, error: 0 };
    fc.assert(
      fc.property(text, (value) => {
        const message = reflect(desc);
        message.set(desc.fields[0]!, value);
        const kinds = [byRe2, byRegExp].map((validator) => validator.validate(desc, message.message).kind);
        expect(kinds[1]).toBe(kinds[0]);
        counts[kinds[0]!] += 1;
      }),
      { numRuns: 300 },
    );
    expect([counts.valid > 10, counts.invalid > 10, counts.error]).toEqual([true, true, 0]);
  },
);

test('a pattern that no rule of the contract has is refused', () => {
  expect(() => matchesOwn('^(a+)+$', 'a')).toThrow('no rule of the contract');
});

test('there are rules with patterns', () => {
  expect(patterned.length).toBeGreaterThan(10);
});
