import { type Config, key } from '#kit/config/config.ts';
import { databaseKeys, jwksKeys, processKeys, tokenKeys } from '#kit/config/shared-keys.ts';
import { port, text } from '#kit/config/types.ts';

/** Configuration of the user service. */
export const keys = {
  ...processKeys,
  ...tokenKeys,
  ...jwksKeys,
  ...databaseKeys,
  port: key('SIGNET_USER_PORT', port, { default: '8082', doc: 'gRPC port of the user service.' }),
  authTarget: key('SIGNET_AUTH_TARGET', text, {
    default: 'localhost:9081',
    doc: 'Where services reach the auth service over gRPC: host:port, or a name that gRPC resolves.',
  }),
} as const;

/** The user service's configuration. */
export type UserConfig = Config<typeof keys>;
