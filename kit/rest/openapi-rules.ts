import {
  type DescExtension,
  type DescField,
  getOption,
  hasOption,
  type JsonObject,
  type JsonValue,
  toJson,
} from '@bufbuild/protobuf';
import { field as fieldRules, FieldRulesSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { isPortable, ownRules, patternOf, sentenceOf } from '#kit/contract/own-rules.ts';

/** A field's protovalidate rules as JSON Schema. */
export interface Constraints {
  /** Keywords for the field's schema. */
  readonly keywords: JsonObject;
  /** Keywords for a list's items. */
  readonly items: JsonObject;
  /** Rules that no keyword expresses, as sentences. */
  readonly sentences: readonly string[];
  /** Whether the rules reject a request without the field. */
  readonly required: boolean;
}

const none: Constraints = { keywords: {}, items: {}, sentences: [], required: false };

const formats: Record<string, string> = {
  email: 'email',
  hostname: 'hostname',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  uri: 'uri',
  uriRef: 'uri-reference',
  uuid: 'uuid',
};

/**
 * Converts the rules of a field (buf.validate.field). Of CEL it converts the patterns of
 * the contract's own rules; JSON Schema cannot express the rest.
 */
export function constraintsOf(field: DescField): Constraints {
  if (!hasOption(field, fieldRules)) return none;
  // As JSON, because it contains only the rules that are set.
  const rules = toJson(FieldRulesSchema, getOption(field, fieldRules), { registry: ownRules }) as JsonObject;
  if (rules['ignore'] === 'IGNORE_ALWAYS') return none;
  const keywords = keywordsOf(rules);
  const list = objectIn(rules, 'repeated');
  return {
    keywords,
    items: keywordsOf(objectIn(list, 'items')),
    sentences: [rules, objectIn(list, 'items')].flatMap((of) => sentencesIn(objectIn(of, 'string'))),
    required: rules['required'] === true || (!mayBeAbsent(field) && refusesZero(rules)),
  };
}

function keywordsOf(rules: JsonObject): JsonObject {
  const found: JsonObject = {};
  const put = (name: string, value: JsonValue | undefined): void => {
    if (value !== undefined) found[name] = value;
  };
  const string = objectIn(rules, 'string');
  put('minLength', numberIn(string, 'minLen') ?? numberIn(string, 'len'));
  put('maxLength', numberIn(string, 'maxLen') ?? numberIn(string, 'len'));
  const [pattern, ...others] = patternsIn(string);
  put('pattern', pattern);
  if (others.length > 0)
    put(
      'allOf',
      others.map((each) => ({ pattern: each })),
    );
  for (const [rule, format] of Object.entries(formats)) if (string[rule] === true) put('format', format);
  const { prefix } = string;
  if (typeof prefix === 'string') put('pattern', pattern ?? `^${RegExp.escape(prefix)}`);
  put('enum', string['in']);
  put('const', string['const']);
  if (string['notIn'] !== undefined) put('not', { enum: string['notIn'] });

  const list = objectIn(rules, 'repeated');
  put('minItems', numberIn(list, 'minItems'));
  put('maxItems', numberIn(list, 'maxItems'));
  put('uniqueItems', list['unique']);
  const map = objectIn(rules, 'map');
  put('minProperties', numberIn(map, 'minPairs'));
  put('maxProperties', numberIn(map, 'maxPairs'));

  for (const kind of numeric) {
    const number = objectIn(rules, kind);
    put('minimum', numberIn(number, 'gte'));
    put('exclusiveMinimum', numberIn(number, 'gt'));
    put('maximum', numberIn(number, 'lte'));
    put('exclusiveMaximum', numberIn(number, 'lt'));
    put('enum', number['in']);
    put('const', number['const']);
  }
  return found;
}

/** Returns the portable patterns of a string's rules: protovalidate's own, and those of the contract's rules. */
function patternsIn(string: JsonObject): string[] {
  const own = ownRulesIn(string).map(patternOf);
  return [string['pattern'], ...own].filter((pattern) => typeof pattern === 'string').filter(isPortable);
}

/**
 * Returns the sentences of a string's rules whose patterns are not published. Generators write them into source text
 * unescaped, where U+2028 ends a line, or drop the flag that other escapes need.
 */
function sentencesIn(string: JsonObject): string[] {
  return ownRulesIn(string)
    .filter((rule) => !isPortable(patternOf(rule) ?? ''))
    .map((rule) => `${sentenceOf(rule).replace(/^m/, 'M')}.`);
}

function ownRulesIn(string: JsonObject): DescExtension[] {
  return Object.keys(string).flatMap(
    (name) => (string[name] === true && ownRules.getExtension(name.slice(1, -1))) || [],
  );
}

// Without 64-bit integers: they are strings in JSON, for which JSON Schema has no numeric bounds.
const numeric = ['float', 'double', 'int32', 'uint32', 'sint32', 'fixed32', 'sfixed32'] as const;

/** Returns whether the zero value of a field without presence violates its rules. */
function refusesZero(rules: JsonObject): boolean {
  if (rules['ignore'] === 'IGNORE_IF_ZERO_VALUE') return false;
  const {
    minLength = 0,
    minItems = 0,
    minProperties = 0,
    minimum = 0,
    exclusiveMinimum = -1,
    ...rest
  } = keywordsOf(rules);
  const choices = rest['enum'] as JsonValue[] | undefined;
  return (
    [minLength, minItems, minProperties, minimum].some((bound) => Number(bound) > 0) ||
    Number(exclusiveMinimum) >= 0 ||
    (typeof rest['format'] === 'string' && rest['format'] !== 'uri-reference') ||
    (choices !== undefined && !choices.includes('') && !choices.includes(0)) ||
    !['', 0].includes((rest['const'] as string | number | undefined) ?? '') ||
    (typeof rest['pattern'] === 'string' && refusesEmpty(rest['pattern']))
  );
}

/** Returns whether an RE2 pattern rejects the empty string; false if JavaScript cannot parse the pattern. */
function refusesEmpty(pattern: string): boolean {
  try {
    return !new RegExp(pattern, 'u').test('');
  } catch {
    return false;
  }
}

/** Returns whether JSON may lack a field: one with presence. Answers always have all others. */
export function mayBeAbsent(field: DescField): boolean {
  return field.fieldKind === 'message' || field.oneof !== undefined || field.proto.proto3Optional;
}

function objectIn(json: JsonObject, name: string): JsonObject {
  const value = json[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function numberIn(json: JsonObject, name: string): number | undefined {
  const value = json[name];
  return value === undefined ? undefined : Number(value);
}
