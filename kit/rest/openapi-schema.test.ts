import { create, type DescMessage, type JsonObject, toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { assertValid } from '#kit/contract/validation.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { ownServices } from '../../scripts/contract.ts';
import { answerOptions } from './binding.ts';
import { createSchemas } from './openapi-schema.ts';

interface Component {
  readonly properties?: Record<string, { readonly pattern?: string; readonly items?: { readonly pattern?: string } }>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
}

const methods = [...(await ownServices()), EchoService].flatMap((service) => service.methods);
const schemas = createSchemas(
  {},
  methods.map(({ output }) => output),
);
for (const { input, output } of methods) {
  schemas.request.message(input);
  schemas.response.message(output);
}
const component = (name: string) => schemas.components[name] as Component;

/** Returns messages and those within them, without well-known types. */
function nested(messages: readonly DescMessage[]): DescMessage[] {
  const all = new Set(messages);
  for (const { fields } of all) for (const { message } of fields) if (message) all.add(message);
  return [...all].filter(({ typeName }) => !typeName.startsWith('google.protobuf.'));
}
const answers = nested(methods.map(({ output }) => output));
const requests = nested(methods.map(({ input }) => input));
const nameOfRequest = ({ typeName }: DescMessage) =>
  answers.some((answer) => answer.typeName === typeName) ? `${typeName}-Input` : typeName;

describe('a response', () => {
  test.each(answers.map((desc) => [desc.typeName, desc] as const))('%s requires what is always sent', (name, desc) => {
    const sent = toJson(desc, create(desc), answerOptions) as JsonObject;
    expect(component(name).required ?? []).toEqual(Object.keys(sent));
    expect(component(name)).not.toHaveProperty('additionalProperties');
  });

  test('has no rules, which are for requests only', () => {
    const rules = answers.flatMap(({ typeName }) =>
      Object.values(component(typeName).properties ?? {}).flatMap((one) =>
        Object.keys(one).filter((key) =>
          /^(?:min|max)(?:Length|Items|Properties)$|^enum$|^const$|^uniqueItems$/.test(key),
        ),
      ),
    );
    expect(answers.length).toBeGreaterThan(50);
    expect(rules).toEqual([]);
  });
});

describe('a request', () => {
  test.each(requests.map((desc) => [nameOfRequest(desc), desc] as const))(
    '%s requires exactly the fields without which it is refused',
    (name, desc) => {
      const refused = refusedFields(desc);
      expect(component(name).additionalProperties).toBe(false);
      expect(component(name).required ?? []).toEqual(
        desc.fields.map((field) => field.name).filter((field) => refused.has(field)),
      );
    },
  );

  test('has patterns that mean the same with and without the flag u', () => {
    const patterns = requests
      .flatMap((desc) => Object.values(component(nameOfRequest(desc)).properties ?? {}))
      .flatMap(({ pattern, items }) => [pattern, items?.pattern])
      .filter((pattern) => pattern !== undefined);
    expect(new Set(patterns).size).toBeGreaterThan(10);
    // Texts that the rules are for, and every character of the Basic Multilingual Plane.
    const characters = Array.from({ length: 0x1_00_00 }, (_, code) => String.fromCharCode(code));
    const words = ['', 'ap', 'cp@example.com', 'user', '+4930123456', 'pt-BR', 'EUR', '12.50', 'https://a.example'];
    const texts = [...words, ...characters];
    for (const pattern of new Set(patterns)) {
      expect(pattern).toMatch(/^[\x20-\x7e]*$/);
      expect(pattern).not.toMatch(/\\[pPuwWsSdDbB]|\(\?/);
      const [bare, unicode] = [new RegExp(pattern), new RegExp(pattern, 'u')];
      expect(texts.filter((text) => bare.test(text) !== unicode.test(text))).toEqual([]);
    }
  });

  test('and a response of one message have separate components', () => {
    const name = 'signet.type.v1.Money';
    expect(component(name)).toMatchObject({ required: ['currency_code', 'units', 'nanos'] });
    expect(component(`${name}-Input`)).toMatchObject({
      required: ['currency_code'],
      properties: { currency_code: { pattern: '^[A-Z]{3}$' }, nanos: { minimum: -999_999_999, maximum: 999_999_999 } },
    });
  });
});

/** Returns the fields that the validation of an empty message names. */
function refusedFields(desc: DescMessage): ReadonlySet<string> {
  try {
    assertValid(desc, create(desc));
    return new Set();
  } catch (error) {
    return new Set(violationsOf(error).map(({ field }) => field));
  }
}
