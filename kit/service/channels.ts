import type { Transport } from '@connectrpc/connect';
import type { Config, Keys } from '#kit/config/config.ts';
import type { serviceKeys } from '#kit/config/shared-keys.ts';
import { asService } from '#kit/guard/as-service.ts';
import type { Closing } from '#kit/process/run.ts';
import type { AuthLink } from '#kit/identity/auth-link.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { targetOf } from './registry.ts';
import type { Calls } from './service.ts';

/** Opens gRPC channels to the services that a service calls, with its own token. The channel to auth is that of `auth`. */
export function channelsTo(
  calls: Calls,
  config: Config<Keys> & Pick<Config<typeof serviceKeys>, 'grpcChannel'>,
  auth: AuthLink,
  closing: Pick<Closing, 'add'>,
): (service: string) => Transport {
  const { grpcChannel: channel } = config;
  const channels = new Map<string, Transport>([['auth', auth.transport]]);
  for (const [called, services] of Object.entries(calls)) {
    if (called === 'auth') continue;
    const opened = createGrpcTransport(targetOf(config, called), services, { channel });
    closing.add(() => opened.close());
    channels.set(called, asService(opened, auth.identity));
  }
  return (called) => {
    const found = channels.get(called);
    if (!found) throw new Error(`${called} is not in the service's calls`);
    return found;
  };
}
