import { type Config, key } from '#kit/config/config.ts';
import { databaseKeys, processKeys, telemetryKeys } from '#kit/config/shared-keys.ts';
import { text } from '#kit/config/types.ts';

/** Configuration of `npm start`, besides that of the services it runs. */
export const keys = {
  ...processKeys,
  ...telemetryKeys,
  metricsPort: { ...telemetryKeys.metricsPort, optional: false, default: '9464' },
  dataDir: key('SIGNET_DATA_DIR', text, {
    default: '.data',
    doc: 'Where `npm start` keeps its PostgreSQL and its master key.',
  }),
  databaseUrl: { ...databaseKeys.databaseUrl, optional: true },
} as const;

/** The configuration of `npm start`. */
export type AllConfig = Config<typeof keys>;
