import { createHandlerContext } from '@connectrpc/connect';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  AuditService,
  type VerifyEventsResponse,
  VerifyEventsRequestSchema,
} from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { auditHandler } from './audit.ts';

const most = 2_147_483_647n;

/** Verifies a part of a log whose next part begins at `next`. Returns the response, and where the part begins. */
async function verify(request: { fromPosition?: bigint; fromSequence?: number }, next: bigint) {
  let asked: bigint | undefined;
  const handler = auditHandler({
    list: () => Promise.reject(new Error('not called')),
    async verify(from) {
      asked = from;
      const fault = { position: next, eventId: '', description: 'changed' };
      return { checked: 1, faults: [fault], next, first: 1n, head: next, headHash: '', previousHash: '', unchained: 0 };
    },
  });
  const method = AuditService.method.verifyEvents;
  const context = createHandlerContext({
    service: AuditService,
    method,
    protocolName: 'test',
    requestMethod: 'POST',
    url: 'http://test/',
  });
  const response = (await handler.verifyEvents(
    create(VerifyEventsRequestSchema, request),
    context,
  )) as VerifyEventsResponse;
  return { asked, response };
}

test('positions are in the fields of earlier releases while they fit', async () => {
  const { asked, response } = await verify({ fromSequence: 7 }, most);
  expect(asked).toBe(7n);
  expect(response).toMatchObject({
    nextPosition: most,
    nextSequence: Number(most),
    headPosition: most,
    headSequence: Number(most),
  });
  expect(response.faults).toMatchObject([{ position: most, sequence: Number(most) }]);
});

test('a larger position is only in the new fields', async () => {
  const { asked, response } = await verify({ fromPosition: most + 1n }, most + 1n);
  expect(asked).toBe(most + 1n);
  expect(response).toMatchObject({
    nextPosition: most + 1n,
    nextSequence: 0,
    headPosition: most + 1n,
    headSequence: 0,
  });
  expect(response.faults).toMatchObject([{ position: most + 1n, sequence: 0 }]);
});

test('a caller of the old field is refused where the log goes on past it, instead of told that it has ended', async () => {
  const refused = await verify({ fromSequence: 7 }, most + 1n).catch((error: unknown) => error);
  expect([reasonOf(refused), violationsOf(refused).map(({ field }) => field)]).toEqual([
    'INVALID_ARGUMENT',
    ['from_sequence'],
  ]);
});
