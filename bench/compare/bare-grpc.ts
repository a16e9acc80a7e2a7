// GetProfile on a plain grpc-js server: no guard, no validation, no log, one fixed user.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type sendUnaryData, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type GetProfileRequest,
  GetProfileRequestSchema,
  type Profile,
  ProfileSchema,
} from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { profileReader } from './profile.ts';

const read = profileReader();
const server = new Server();
server.register<GetProfileRequest, Profile>(
  '/signet.user.v1.UserService/GetProfile',
  (_: unknown, respond: sendUnaryData<Profile>) => {
    read(process.env['USER_ID'] ?? '').then(
      (profile) => respond(null, create(ProfileSchema, profile)),
      (error: Error) => respond(error),
    );
  },
  (profile) => Buffer.from(toBinary(ProfileSchema, profile)),
  (bytes) => fromBinary(GetProfileRequestSchema, bytes),
  'unary',
);
await new Promise<void>((resolve, reject) => {
  server.bindAsync(`127.0.0.1:${process.env['PORT']}`, ServerCredentials.createInsecure(), (error) =>
    error ? reject(error) : resolve(),
  );
});
process.on('SIGTERM', () => process.exit(0));
