import { type Config, key } from '#kit/config/config.ts';
import { databaseKeys, processKeys, telemetryKeys, tlsKeys } from '#kit/config/shared-keys.ts';
import { text } from '#kit/config/types.ts';

/** Configuration keys of `npm start`, in addition to those of its services. */
export const keys = {
  ...processKeys,
  ...tlsKeys,
  ...telemetryKeys,
  metricsPort: { ...telemetryKeys.metricsPort, optional: false, default: '9464' },
  dataDir: key('SIGNET_DATA_DIR', text, {
    default: '.data',
    doc: 'Data directory of `npm start`: embedded PostgreSQL, master key.',
  }),
  databaseUrl: { ...databaseKeys.databaseUrl, optional: true },
  databaseDirectUrl: databaseKeys.databaseDirectUrl,
} as const;

/** Size of a service's pool in `npm start`, where services share a database server. */
export const poolTogether = 4;

/** The configuration of `npm start`. */
export type AllConfig = Config<typeof keys>;
