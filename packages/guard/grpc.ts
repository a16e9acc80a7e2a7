// The gate of grpc-js: @signet/guard/grpc.
export { grpcGate, guardedServer, identityOfCall, statusOf, userOfCall } from '../../kit/guard/grpc.ts';
