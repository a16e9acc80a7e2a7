import { type Door, openDoor } from '#kit/door/door.ts';
import type { Closing } from '#kit/process/run.ts';
import { onPort } from '#kit/process/start-error.ts';
import type { Edge } from './build.ts';
import { type EdgeConfig, keys } from './config.ts';

/** Opens the edge's port. */
export async function openEdge(
  edge: Edge,
  { host, port, trustedProxies }: Pick<EdgeConfig, 'host' | 'port' | 'trustedProxies'>,
  closing: Closing,
): Promise<Door> {
  const door = await onPort(port, keys.port.env, () => openDoor({ ...edge, host, port, trustedProxies }));
  closing.add(() => edge.close());
  closing.add(() => door.close());
  return door;
}
