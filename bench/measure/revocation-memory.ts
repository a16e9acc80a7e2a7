// Prints the memory of a guard's set with a million revoked sessions, bytes.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { randomUUID } from 'node:crypto';
import { WatchResponseSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createRevocationSet } from '#kit/guard/revocation-set.ts';

const held = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const before = held();
const set = createRevocationSet();
const now = Math.floor(Date.now() / 1_000);
const page = 5_000;
for (let sequence = page; sequence <= 1_000_000; sequence += page) {
  const revocations = Array.from({ length: page }, () => ({
    target: { case: 'sessionId' as const, value: randomUUID() },
    revokedAt: now,
    expiresAt: now + 3_610,
  }));
  const message = create(WatchResponseSchema, {
    history: 'bench',
    sequence: String(sequence),
    current: true,
    revocations,
  });
  // Serialized and parsed, as in production: V8 would keep strings concatenated here as ropes.
  set.add(fromBinary(WatchResponseSchema, toBinary(WatchResponseSchema, message)).revocations);
}
const bytes = held() - before;
if (set.size !== 1_000_000) throw new Error(`the set holds ${set.size}`);
process.stdout.write(String(bytes));
