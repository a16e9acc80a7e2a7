import { create, createFileRegistry, type DescExtension, type DescMessage, setExtension } from '@bufbuild/protobuf';
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
  predefined,
  PredefinedRulesSchema,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { describe, expect, test } from 'vitest';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { RegisterRequestSchema } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { phone } from '#gen/proto/signet/type/v1/text_pb.ts';
import { faultsOfOwnRule, faultyRules } from './rules.ts';

type Cel = { id?: string; message?: string; expression: string };

/** Returns a message with one field that has rules, and a string rule with a CEL rule. */
function made(
  rules: MessageInitShape<typeof FieldRulesSchema>,
  cel: Cel,
): { message: DescMessage; rule: DescExtension } {
  const options = create(FieldOptionsSchema);
  setExtension(options, fieldRules, create(FieldRulesSchema, rules));
  const ofRule = create(FieldOptionsSchema);
  setExtension(ofRule, predefined, create(PredefinedRulesSchema, { cel: [cel] }));
  const registry = createFileRegistry(
    create(FileDescriptorProtoSchema, {
      name: 'made.proto',
      package: 'made',
      dependency: ['buf/validate/validate.proto'],
      messageType: [
        { name: 'Made', field: [{ name: 'text', number: 1, type: Type.STRING, label: Label.OPTIONAL, options }] },
      ],
      extension: [
        {
          name: 'rule',
          number: 60_000,
          extendee: '.buf.validate.StringRules',
          type: Type.BOOL,
          label: Label.OPTIONAL,
          options: ofRule,
        },
      ],
    }),
    (name) =>
      [file_buf_validate_validate, ...file_buf_validate_validate.dependencies].find(
        (file) => `${file.name}.proto` === name,
      )?.proto,
  );
  return { message: registry.getMessage('made.Made')!, rule: registry.getExtension('made.rule')! };
}

const good: Cel = { id: 'string.made', message: 'must be made', expression: "this.matches(r'^a$')" };
const equal: Cel = { ...good, expression: "this == 'a'" };
const ofField = (rules: MessageInitShape<typeof FieldRulesSchema>) => faultyRules(made(rules, good).message);
const string = (value: object) => ({ type: { case: 'string' as const, value } });

describe('a rule of a field', () => {
  test('may be one of protovalidate or of the contract', () => {
    expect(faultyRules(RegisterRequestSchema)).toEqual([]);
    expect(ofField(string({ minLen: 1n }))).toEqual([]);
    expect(ofField({ cel: [equal] })).toEqual([]);
  });

  test.each([
    ['a pattern', string({ pattern: '^a$' }), 'pattern shows its regular expression'],
    [
      'a pattern of items',
      { type: { case: 'repeated' as const, value: { items: string({ pattern: '^a$' }) } } },
      'pattern shows its regular expression',
    ],
    ['a rule without an id', { cel: [{ ...equal, id: '' }] }, 'makes no reason'],
    ['a rule with an id of 64 characters', { cel: [{ ...equal, id: 'a'.repeat(64) }] }, 'makes no reason'],
    ['a rule without a message', { cel: [{ ...equal, message: '' }] }, 'has no message'],
    ['a message with an expression', { cel: [{ ...equal, message: 'must match ^a$' }] }, 'shows a regular expression'],
    ['a pattern in CEL', { cel: [good] }, 'matches(): use a rule of the contract'],
    ['an expression alone', { celExpression: ["this == 'a'"] }, 'without id and message'],
  ])('must not be %s', (_, rules, fault) => {
    expect(ofField(rules)).toEqual([expect.stringContaining(fault)]);
  });

  test('may have an id of 63 characters', () => {
    expect(ofField({ cel: [{ ...equal, id: 'a'.repeat(63) }] })).toEqual([]);
  });
});

describe('a rule that the contract adds', () => {
  test('may have a portable pattern in a raw string', () => {
    expect(faultsOfOwnRule(phone)).toEqual([]);
    expect(faultsOfOwnRule(made({}, good).rule)).toEqual([]);
  });

  test.each([
    ['\\p{L}', "this.matches(r'^\\p{L}$')", 'must not have'],
    ['flags', "this.matches(r'(?i)^a$')", 'must not have'],
    ['a string with escapes', "this.matches('^a$')", 'raw string'],
    ['an escape that the flag u refuses', "this.matches(r'^[a-z]{1,$')", 'with and without'],
    ['a text in exponentially many ways', "this.matches(r'^(a+)+$')", 'in one way only'],
    ['a text in quadratically many ways', "this.matches(r'^[a-z]*[a-y][a-z]*$')", 'in one way only'],
  ])('must not match %s', (_, expression, fault) => {
    expect(faultsOfOwnRule(made({}, { ...good, expression }).rule)).toEqual([expect.stringContaining(fault)]);
  });
});
