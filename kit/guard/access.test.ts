import { create, createFileRegistry, type DescService, type MessageInitShape, setExtension } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { DurationSchema, FileDescriptorSetSchema, MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { http } from '../../gen/proto/google/api/annotations_pb.ts';
import { HttpRuleSchema } from '../../gen/proto/google/api/http_pb.ts';
import { Health } from '../../gen/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { AuthService } from '../../gen/proto/signet/auth/v1/auth_service_pb.ts';
import { access, AccessSchema } from '../../gen/proto/signet/policy/v1/policy_pb.ts';
import { EchoService } from '../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { UserService } from '../../gen/proto/signet/user/v1/user_service_pb.ts';
import { accessOf, assertCovered } from './access.ts';

type AccessInit = MessageInitShape<typeof AccessSchema>;

/** A service with one method per rule; undefined is a method without a rule. */
function serviceWith(rules: Record<string, AccessInit | undefined>, onRest: string[] = []): DescService {
  const method = Object.entries(rules).map(([name, rule]) => {
    const options = create(MethodOptionsSchema);
    if (rule) setExtension(options, access, create(AccessSchema, rule));
    if (onRest.includes(name)) {
      setExtension(options, http, create(HttpRuleSchema, { pattern: { case: 'get', value: '/x' } }));
    }
    return { name, inputType: '.t.v1.Empty', outputType: '.t.v1.Empty', options };
  });
  const file = {
    name: 't.proto',
    package: 't.v1',
    syntax: 'proto3',
    messageType: [{ name: 'Empty' }],
    service: [{ name: 'TService', method }],
  };
  const found = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getService('t.v1.TService');
  if (!found) throw new Error('no service');
  return found;
}

const seconds = (count: number) => create(DurationSchema, { seconds: BigInt(count) });
const anyUser: AccessInit = { rule: { case: 'authenticated', value: {} } };

test("reads each kind of rule from a method's definition", () => {
  const { method } = EchoService;
  expect(accessOf(method.echo)).toBe('public');
  expect(accessOf(method.private)).toEqual({});
  expect(accessOf(method.adminOnly)).toMatchObject({ roles: ['admin', 'support'] });
  expect(accessOf(method.scoped)).toMatchObject({ scopes: ['echo:read', 'echo:write'] });
  expect(accessOf(method.fresh)).toMatchObject({ maxAuthAge: 300 });
  expect(accessOf(method.strongAuth)).toMatchObject({ acr: 'mfa' });
  expect(accessOf(method.prompt)).toMatchObject({ maxStaleness: 5 });
  expect(accessOf(method.onBehalf)).toMatchObject({ callers: ['order'] });
  expect(accessOf(method.inside)).toEqual({ internal: true, callers: ['order'] });
  expect(accessOf(method.anyService)).toEqual({ internal: true });
});

test('supports fractions of a second', () => {
  const maxAuthAge = create(DurationSchema, { seconds: 1n, nanos: 500_000_000 });
  const [method] = serviceWith({ A: { rule: { case: 'authenticated', value: { maxAuthAge } } } }).methods;
  expect(method && accessOf(method)).toMatchObject({ maxAuthAge: 1.5 });
});

test('accepts all services of the contract, including health and reflection', () => {
  const services = [AuthService, UserService, EchoService, Health, ServerReflection];
  expect(() => assertCovered(services, ['user', 'raider', 'support', 'admin'])).not.toThrow();
});

describe('reports', () => {
  test('all methods without a valid rule in one error', () => {
    const service = serviceWith({ Good: anyUser, Bare: undefined, Empty: {} });
    expect(() => assertCovered([service])).toThrow(
      'Methods without a valid access rule:\nt.v1.TService/Bare: no access rule\nt.v1.TService/Empty: empty access rule',
    );
  });

  test('a third-party service that is not listed as public', () => {
    expect(() => assertCovered([serviceWith({ Check: undefined })])).toThrow('t.v1.TService/Check: no access rule');
  });

  test('an unknown role if the roles are given', () => {
    expect(() => assertCovered([EchoService], ['admin'])).toThrow(
      'signet.test.v1.EchoService/AdminOnly: unknown role support',
    );
  });

  test('a contradictory rule', () => {
    const negative = serviceWith({
      Old: { rule: { case: 'authenticated', value: { maxAuthAge: seconds(-1) } } },
      Stale: { rule: { case: 'authenticated', value: { maxStaleness: seconds(0) } } },
      Twice: { rule: { case: 'internal', value: { callers: ['order', 'order'] } } },
      Nameless: { rule: { case: 'authenticated', value: { callers: [''] } } },
      Level: { rule: { case: 'authenticated', value: { acr: 'MFA' } } },
    });
    expect(() => assertCovered([negative])).toThrow(
      /Old: maxAuthAge.*\n.*Stale: maxStaleness.*\n.*Twice: .*\n.*Nameless: .*\n.*Level: acr must be one of pwd, mfa, phr/,
    );
  });

  test('an internal method with a REST route', () => {
    const service = serviceWith({ Inside: { rule: { case: 'internal', value: {} } } }, ['Inside']);
    expect(() => assertCovered([service])).toThrow(
      't.v1.TService/Inside: an internal method must not have a REST route',
    );
  });

  test('a rule with an unknown field', () => {
    const rule = create(AccessSchema, anyUser);
    if (rule.rule.value) rule.rule.value.$unknown = [{ no: 99, wireType: WireType.Varint, data: new Uint8Array([1]) }];
    expect(() => assertCovered([serviceWith({ New: rule })])).toThrow('New: access rule has an unknown field');
    const kind = create(AccessSchema);
    kind.$unknown = [{ no: 9, wireType: WireType.LengthDelimited, data: new Uint8Array([0]) }];
    expect(() => assertCovered([serviceWith({ New: kind })])).toThrow('New: access rule has an unknown field');
  });
});
