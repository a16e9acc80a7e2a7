import type { limitKeys } from '#kit/config/shared-keys.ts';
import { type Door, openDoor } from '#kit/door/door.ts';
import { createConnectionLimit } from '#kit/net/connection-limit.ts';
import { trustIn } from '#kit/net/peer-address.ts';
import type { Closing } from '#kit/process/run.ts';
import { onPort } from '#kit/process/start-error.ts';
import type { Edge } from './build.ts';
import { type EdgeConfig, keys } from './config.ts';

/** Opens the edge's port. */
export async function openEdge(
  edge: Edge,
  config: Pick<EdgeConfig, 'host' | 'port' | 'trustedProxies' | keyof typeof limitKeys>,
  closing: Closing,
): Promise<Door> {
  const { host, port, trustedProxies } = config;
  const bounds = { total: config.connectionLimit, perAddress: config.connectionLimitAddress };
  const connections = createConnectionLimit(bounds, edge.log, trustIn(trustedProxies));
  const door = await onPort(port, keys.port.env, () =>
    openDoor({ ...edge, host, port, trustedProxies, trustedProxiesKey: keys.trustedProxies.env, connections }),
  );
  closing.add(() => edge.close());
  closing.add(() => door.close());
  return door;
}
