import { create, type DescMessage, hasOption, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { field as rules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { describe, expect, test } from 'vitest';
import { LoginRequestSchema, RegisterRequestSchema } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { PutRoleRequestSchema } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import {
  CreateProductRequestSchema,
  ListProductsRequestSchema,
} from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { UpdateProfileRequestSchema } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { ownServices } from '../../scripts/contract.ts';
import { assertValid } from './validation.ts';

function violations(desc: DescMessage, message: Message) {
  try {
    assertValid(desc, message);
    return [];
  } catch (error) {
    return violationsOf(error);
  }
}

describe('an invalid field', () => {
  const about = (found: readonly { field: string; reason: string; description: string }[], name: string) =>
    found.filter(({ field }) => field === name).map(({ reason, description }) => [reason, description]);

  test('has a sentence and a reason of its rule', () => {
    const profile = create(UpdateProfileRequestSchema, { name: '\n', phone: '030 123', locale: 'de_DE', bio: '\0' });
    const found = violations(UpdateProfileRequestSchema, profile);
    expect(about(found, 'name')).toEqual([
      ['STRING_VISIBLE', 'must contain a visible character, and no control characters or line breaks'],
    ]);
    expect(about(found, 'phone')).toEqual([
      ['STRING_PHONE', 'must be a phone number with its country code, such as +4930123456, or empty'],
    ]);
    expect(about(found, 'locale')).toEqual([
      ['STRING_LANGUAGE_TAG', 'must be a language tag, such as en or pt-BR, or empty'],
    ]);
    expect(about(found, 'bio')).toEqual([['STRING_NO_NUL', 'must not contain the character NUL']]);
  });

  test('has the reason of a rule of protovalidate, of a CEL rule, and of an item', () => {
    const account = create(RegisterRequestSchema, {
      email: 'ada\u0000',
      password: 'x',
      name: 'A'.repeat(101),
      role: 'admin',
    });
    expect(violations(RegisterRequestSchema, account).map(({ field, reason }) => [field, reason])).toEqual([
      ['email', 'STRING_NO_CONTROL'],
      ['name', 'STRING_MAX_LEN'],
      ['role', 'STRING_IN'],
    ]);
    const role = create(PutRoleRequestSchema, { role: 'cook', scopes: ['orders:read', 'signet:admin', 'a b'] });
    expect(violations(PutRoleRequestSchema, role).map(({ field, reason }) => [field, reason])).toEqual([
      ['scopes[1]', 'SCOPE_RESERVED'],
      ['scopes[2]', 'STRING_SCOPE'],
    ]);
    const list = create(ListProductsRequestSchema, { orderBy: 'relevance' });
    expect(violations(ListProductsRequestSchema, list).map(({ reason }) => reason)).toEqual([
      'LIST_PRODUCTS_RELEVANCE',
    ]);
    const product = create(CreateProductRequestSchema, { sku: 'a', name: 'A' });
    expect(violations(CreateProductRequestSchema, product).map(({ field, reason }) => [field, reason])).toEqual([
      ['price', 'REQUIRED'],
    ]);
  });

  test('is not reported with its value', () => {
    const login = create(LoginRequestSchema, { email: 'a\nhunter2', password: '', transport: 'hunter2' });
    expect(JSON.stringify(violations(LoginRequestSchema, login))).not.toContain('hunter2');
  });
});

const texts = (await ownServices())
  .flatMap(({ methods }) => methods)
  .flatMap(({ input }) => input.fields.map((field) => [`${input.typeName}.${field.name}`, input, field] as const))
  .filter(([, , field]) => field.scalar === ScalarType.STRING && field.fieldKind !== 'map' && hasOption(field, rules));
// Violates every rule of a text but its minimum length.
const wrong = '\0'.repeat(20_000);

test.each(texts)('%s: a wrong text gets a sentence without a regular expression, and a reason', (_, input, field) => {
  const message = create(input);
  const view = reflect(input, message);
  if (field.fieldKind === 'list') view.get(field).add(wrong);
  else if (field.fieldKind === 'scalar') view.set(field, wrong);
  const found = violations(input, message).filter((one) => one.field.startsWith(field.name));
  expect(found).not.toEqual([]);
  for (const { description, reason } of found) {
    expect(description).not.toMatch(/regex|[\\^$*{}|]|\(\?/);
    expect(reason).toMatch(/^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/);
  }
});

test.each([
  ['', true],
  ['https://a.example/b.png', true],
  ['http://a.example/b.png', false],
  ['https://', false],
  ['https://a.example/ b.png', false],
  ['https://a.example/%zz', false],
])('an address of a picture may be %j: %s', (imageUrl, isValid) => {
  const product = create(CreateProductRequestSchema, { sku: 'a', name: 'A', imageUrl });
  const found = violations(CreateProductRequestSchema, product).filter(({ field }) => field === 'image_url');
  expect(found.map(({ reason }) => reason)).toEqual(isValid ? [] : ['STRING_HTTPS']);
});
