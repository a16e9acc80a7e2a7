import { FieldDescriptorProto_Type as Type } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { made, madeMethod } from '#kit/rest/testing/made-method.ts';
import { exampleJson, exampleOf } from './example.ts';

const methodOf = (example?: string) =>
  madeMethod({
    rule: { pattern: { case: 'get', value: '/x' } },
    input: [made('page_size', Type.INT32)],
    ...(example === undefined ? {} : { example }),
  });

test('reads the example request of a method', () => {
  expect(exampleOf(methodOf('{"page_size": 7}'))).toMatchObject({ pageSize: 7 });
  expect(exampleOf(AuthService.method.login)).toMatchObject({ email: 'ada@example.com' });
  expect(exampleOf(methodOf('{}'))).toBeDefined();
});

test.each([
  ['that is missing', methodOf(), 'made.v1.MadeService/Do has no example'],
  ['that is not JSON', methodOf('{page_size: 7}'), 'is not a valid In'],
  ['with an unknown field', methodOf('{"size": 7}'), 'is not a valid In'],
  ['with a value of another type', methodOf('{"page_size": "many"}'), 'is not a valid In'],
  ['with JSON field names', methodOf('{"pageSize": 7}'), "the proto's field names"],
  ['that sets a default', methodOf('{"page_size": 0}'), 'must not set defaults'],
])('refuses an example %s', (_, method, fault) => {
  expect(() => exampleOf(method)).toThrow(fault);
});

test("refuses an example that violates the request's rules, naming the field", () => {
  const broken = madeMethod({
    rule: { pattern: { case: 'get', value: '/x' } },
    input: [made('text', Type.STRING)],
    example: JSON.stringify({ text: 'x'.repeat(10_001) }),
  });
  // With the rules of another message: the generated one has none.
  const method = { ...broken, input: EchoService.method.echo.input };
  expect(() => exampleOf(method)).toThrow('its example is not valid: text');
});

test('returns undefined for a method without an example', () => {
  expect(exampleJson(EchoService.method.private)).toBeUndefined();
});
