import { type Config, key } from '#kit/config/config.ts';
import {
  authTargetKeys,
  databaseKeys,
  jwksKeys,
  limitKeys,
  processKeys,
  serviceKeys,
  telemetryKeys,
  tokenKeys,
} from '#kit/config/shared-keys.ts';
import { port } from '#kit/config/types.ts';

/** Configuration of the user service. */
export const keys = {
  ...processKeys,
  ...limitKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...jwksKeys,
  ...authTargetKeys,
  ...serviceKeys,
  ...databaseKeys,
  port: key('SIGNET_USER_PORT', port, { default: '8082', doc: 'gRPC port of the user service.' }),
} as const;

/** The user service's configuration. */
export type UserConfig = Config<typeof keys>;
