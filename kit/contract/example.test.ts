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

test('an example is the request that the definition names', () => {
  expect(exampleOf(methodOf('{"page_size": 7}'))).toMatchObject({ pageSize: 7 });
  expect(exampleOf(AuthService.method.login)).toMatchObject({ email: 'ada@example.com' });
  expect(exampleOf(methodOf('{}'))).toBeDefined();
});

test.each([
  ['that is missing', methodOf(), 'made.v1.MadeService/Do has no example'],
  ['that is no JSON', methodOf('{page_size: 7}'), 'is no In'],
  ['with a field that the request does not have', methodOf('{"size": 7}'), 'is no In'],
  ['with a value of another type', methodOf('{"page_size": "many"}'), 'is no In'],
  ["with another spelling than the proto's", methodOf('{"pageSize": 7}'), "the proto's field names"],
  ['that names a default', methodOf('{"page_size": 0}'), 'has a default'],
])('refuses an example %s', (_, method, fault) => {
  expect(() => exampleOf(method)).toThrow(fault);
});

test('refuses an example that breaks the rules of the request, and names the field', () => {
  const broken = madeMethod({
    rule: { pattern: { case: 'get', value: '/x' } },
    input: [made('text', Type.STRING)],
    example: JSON.stringify({ text: 'x'.repeat(10_001) }),
  });
  // The rules of another message, which the made one cannot have.
  const method = { ...broken, input: EchoService.method.echo.input };
  expect(() => exampleOf(method)).toThrow('its example is not valid: text');
});

test('a method without an example has none to show', () => {
  expect(exampleJson(EchoService.method.private)).toBeUndefined();
});
