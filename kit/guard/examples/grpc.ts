import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type sendUnaryData, Server, type ServerUnaryCall } from '@grpc/grpc-js';
import {
  EchoRequestSchema,
  EchoResponseSchema,
  EchoService,
} from '../../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { grpcGate, userOfCall } from '../grpc.ts';
import { createGuard } from '../guard.ts';
import { remoteJwks } from '../jwks.ts';

const read = (bytes: Buffer) => fromBinary(EchoRequestSchema, bytes);
const write = (text: string) => Buffer.from(toBinary(EchoResponseSchema, create(EchoResponseSchema, { text })));

function hello(call: ServerUnaryCall<unknown, string>, answer: sendUnaryData<string>) {
  answer(null, `Hello, ${userOfCall(call).email}`);
}

/** A grpc-js server that admits by its methods' own access rules. Call `guard.close` when it stops. */
export function grpcServer(issuer: string) {
  const keys = remoteJwks({ url: `${issuer}/.well-known/jwks.json` });
  const guard = createGuard({ issuer, audience: 'signet', algorithms: ['RS256', 'ES256'], keys });
  const server = new Server({ interceptors: [grpcGate(guard, [EchoService])] });
  server.register('/signet.test.v1.EchoService/Private', hello, write, read, 'unary');
  server.register('/signet.test.v1.EchoService/AdminOnly', hello, write, read, 'unary');
  return { server, guard };
}
