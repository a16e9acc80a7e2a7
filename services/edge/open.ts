import { type limitKeys, tlsKeys, tokenKeys } from '#kit/config/shared-keys.ts';
import { CertificateError, openCertificate, type TlsConfig } from '#kit/door/certificate.ts';
import { type Door, openDoor } from '#kit/door/door.ts';
import { createConnectionLimit } from '#kit/net/connection-limit.ts';
import { trustIn } from '#kit/net/peer-address.ts';
import type { Closing } from '#kit/process/run.ts';
import { onPort } from '#kit/process/start-error.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import type { Edge } from './build.ts';
import { type EdgeConfig, keys } from './config.ts';

/** Opens the edge's port. @throws CertificateError if its TLS is not configured as it should be */
export async function openEdge(
  edge: Edge,
  config: Pick<EdgeConfig, 'host' | 'port' | 'issuer' | 'trustedProxies' | 'drainDelay' | keyof typeof limitKeys> &
    TlsConfig,
  metrics: ServiceMetrics,
  closing: Closing,
): Promise<Door> {
  const { host, port, issuer, trustedProxies } = config;
  const bounds = { total: config.connectionLimit, perAddress: config.connectionLimitAddress };
  const connections = createConnectionLimit(bounds, edge.log, trustIn(trustedProxies));
  const certificate = openCertificate(config, { log: edge.log, metrics, closing });
  if (certificate && !issuer.startsWith('https://')) {
    throw new CertificateError(
      `${tokenKeys.issuer.env} is ${issuer}, but with ${tlsKeys.tlsCert.env} the edge speaks https only. ` +
        `Set ${tokenKeys.issuer.env} of all services to its https:// URL; links in mails and cookies depend on it.`,
    );
  }
  const trusting = { trustedProxies, trustedProxiesKey: keys.trustedProxies.env };
  const door = await onPort(port, keys.port.env, () =>
    openDoor({ ...edge, ...trusting, draining: closing.draining, host, port, connections, certificate }),
  );
  closing.add(() => edge.close());
  closing.add(() => door.close());
  closing.keepOpen(config.drainDelay);
  return door;
}
