import { create } from '@bufbuild/protobuf';
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { ClearOrderedRequestSchema } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { assertValid } from '#kit/contract/validation.ts';
import { reasonOf } from '#kit/errors/failure.ts';

/** The limits of the internal method. test/flows/cart.test.ts has those of the others. */
test.each([
  [1, 1, 'valid'],
  [100, 99, 'valid'],
  [0, 1, 'INVALID_ARGUMENT'],
  [101, 1, 'INVALID_ARGUMENT'],
  [1, 0, 'INVALID_ARGUMENT'],
  [1, 100, 'INVALID_ARGUMENT'],
])('%d ordered lines of %d pieces are %s', (count, quantity, expected) => {
  const lines = Array.from({ length: count }, () => ({ productId: randomUUID(), quantity }));
  const request = create(ClearOrderedRequestSchema, { userId: randomUUID(), orderId: randomUUID(), lines });
  const validity = () => {
    try {
      assertValid(ClearOrderedRequestSchema, request);
      return 'valid';
    } catch (error) {
      return reasonOf(error);
    }
  };
  expect(validity()).toBe(expected);
});
