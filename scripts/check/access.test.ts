import { create, createFileRegistry, type DescService, type MessageInitShape, setExtension } from '@bufbuild/protobuf';
import {
  DurationSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel as Idempotency,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { access, AccessSchema } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { actsWithoutRecentSignIn } from './access.ts';

/** A service with one method of this rule. */
function serviceWith(rule: MessageInitShape<typeof AccessSchema>, idempotencyLevel: Idempotency): DescService {
  const options = create(MethodOptionsSchema, { idempotencyLevel });
  setExtension(options, access, create(AccessSchema, rule));
  const file = {
    name: 't.proto',
    package: 't.v1',
    syntax: 'proto3',
    messageType: [{ name: 'Empty' }],
    service: [
      { name: 'TService', method: [{ name: 'Do', inputType: '.t.v1.Empty', outputType: '.t.v1.Empty', options }] },
    ],
  };
  const found = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getService('t.v1.TService');
  if (!found) throw new Error('no service');
  return found;
}

const { IDEMPOTENT, IDEMPOTENCY_UNKNOWN, NO_SIDE_EFFECTS } = Idempotency;
const admins = (maxAuthAge?: number, roles = ['admin']): MessageInitShape<typeof AccessSchema> => ({
  rule: {
    case: 'authenticated',
    value: {
      roles,
      ...(maxAuthAge === undefined ? {} : { maxAuthAge: create(DurationSchema, { seconds: BigInt(maxAuthAge) }) }),
    },
  },
});

test.each([
  ['a state-changing admin method', admins(), IDEMPOTENT, 1],
  ['an admin method without an idempotency level', admins(), IDEMPOTENCY_UNKNOWN, 1],
  ['a method for admins and others', admins(undefined, ['support', 'admin']), IDEMPOTENT, 1],
  ['a method that accepts a sign-in of 301 s ago', admins(301), IDEMPOTENT, 1],
  ['a method that accepts a sign-in of 300 s ago', admins(300), IDEMPOTENT, 0],
  ['a method without side effects', admins(), NO_SIDE_EFFECTS, 0],
  ['a method for any user', admins(undefined, []), IDEMPOTENT, 0],
])('checks the max_auth_age of %s', (_, rule, idempotency, faults) => {
  expect(actsWithoutRecentSignIn([serviceWith(rule, idempotency)])).toHaveLength(faults);
});
