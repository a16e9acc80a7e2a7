import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { faultyExamples } from './examples.ts';

test('names every method without a valid example', () => {
  expect(faultyExamples([UserService])).toEqual([]);
  expect(faultyExamples([UserService, EchoService])).toContain('signet.test.v1.EchoService/Private has no example');
});
