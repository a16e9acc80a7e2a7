// GetProfile with a handler as in bare-grpc.ts behind Signet's stack: with the guard (ACCESS=guarded), or as a public
// method (ACCESS=public), which the stack serves without a token.
import { clone, create, createFileRegistry, setExtension, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { access, AccessSchema } from '#gen/proto/signet/policy/v1/policy_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { connectGate } from '#kit/guard/connect.ts';
import { createGuard } from '#kit/guard/guard.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import { createRevocationSet } from '#kit/guard/revocation-set.ts';
import { silentLog } from '#kit/log/log.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { serveGrpc } from '#kit/transport/grpc-server.ts';
import { profileReader } from './profile.ts';

const { PORT, USER_ID = '', KEYS_AT = '', ACCESS } = process.env;

/** UserService with a public GetProfile. */
function withPublicMethods(service: DescService): DescService {
  const proto = clone(FileDescriptorProtoSchema, service.file.proto);
  for (const method of proto.service.flatMap((one) => one.method)) {
    method.options ??= create(MethodOptionsSchema);
    setExtension(method.options, access, create(AccessSchema, { rule: { case: 'public', value: {} } }));
  }
  const dependencies = new Map(service.file.dependencies.map((file) => [file.name, file]));
  const registry = createFileRegistry(proto, (name) => dependencies.get(name.replace(/\.proto$/, '')));
  const found = registry.getService(service.typeName);
  if (!found) throw new Error(`no ${service.typeName}`);
  return found;
}

const read = profileReader();
const guard = createGuard({
  issuer: 'http://localhost:8080',
  audience: 'signet',
  algorithms: ['RS256'],
  keys: remoteJwks({ url: `${KEYS_AT}/.well-known/jwks.json` }),
  revocations: { isRevoked: createRevocationSet().isRevoked, age: () => 0 },
});
await guard.ready();
const desc = ACCESS === 'public' ? withPublicMethods(UserService) : UserService;
const app = createService({
  mounted: [mount(desc, { getProfile: () => read(USER_ID) })],
  checks: [connectGate(guard)],
  guard,
  ready: async () => undefined,
  reflection: false,
  log: silentLog,
  metrics: noMetrics,
});
await serveGrpc(app, { port: Number(PORT), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
