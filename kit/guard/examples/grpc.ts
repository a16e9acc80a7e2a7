import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import {
  EchoRequestSchema,
  EchoResponseSchema,
  EchoService,
} from '../../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { guardedServer, userOfCall } from '../grpc.ts';
import { createServiceGuard } from '../service-guard.ts';

const read = (bytes: Buffer) => fromBinary(EchoRequestSchema, bytes);
const write = (text: string) => Buffer.from(toBinary(EchoResponseSchema, create(EchoResponseSchema, { text })));

function hello(call: ServerUnaryCall<unknown, string>, answer: sendUnaryData<string>) {
  answer(null, `Hello, ${userOfCall(call).subject}`);
}

/** A grpc-js server that enforces its methods' access rules. Call `guard.close` when it stops. */
export function grpcServer(issuer: string, authUrl: string, key: string) {
  const service = { name: 'greeter', key, authUrl };
  const guard = createServiceGuard({ ...service, issuer, audience: 'signet', algorithms: ['RS256', 'ES256'] });
  const server = guardedServer(guard, [EchoService]);
  server.register(`/${EchoService.typeName}/Private`, hello, write, read, 'unary');
  server.register(`/${EchoService.typeName}/AdminOnly`, hello, write, read, 'unary');
  return { server, guard };
}
