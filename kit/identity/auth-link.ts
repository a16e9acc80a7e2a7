import type { DescService } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { type RevocationFeed, watchRevocations } from '#kit/guard/revocation-feed.ts';
import type { Secret } from '#kit/log/secret.ts';
import { asService } from '#kit/guard/as-service.ts';
import { createGrpcTransport, type UnaryChannel } from '#kit/transport/grpc-client.ts';
import { createServiceIdentity, type ServiceIdentity } from '#kit/guard/service-identity.ts';

/** A service's connection to the auth service: identity, transport and revocations. */
export interface AuthLink {
  readonly identity: ServiceIdentity;
  /** Transport to the auth service, with the service's own token. */
  readonly transport: Transport;
  readonly revocations: RevocationFeed;
  close(): void;
}

/** Connects a service in its own process to the auth service. Returns without waiting for it. */
export function linkToAuth(
  name: string,
  config: {
    readonly authTarget: string;
    readonly issuer: string;
    readonly serviceKey: Secret;
    readonly grpcChannel: UnaryChannel;
  },
  services: readonly DescService[],
): AuthLink {
  const { authTarget, issuer, serviceKey: key, grpcChannel } = config;
  const plain = createGrpcTransport(authTarget, [ServiceTokenService], { channel: grpcChannel });
  const identity = createServiceIdentity({ name, key, issuer, transport: plain });
  const channel = createGrpcTransport(authTarget, [RevocationService, ...services], { channel: grpcChannel });
  const transport = asService(channel, identity);
  const revocations = watchRevocations({ transport });
  return {
    identity,
    transport,
    revocations,
    close() {
      revocations.close();
      channel.close();
      plain.close();
    },
  };
}
