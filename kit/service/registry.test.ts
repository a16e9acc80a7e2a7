import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { key, readConfig } from '#kit/config/config.ts';
import { text } from '#kit/config/types.ts';
import { defineRegistry, environmentFor, targetOf } from './registry.ts';
import { type AnyService, type Build, defineService } from './service.ts';

const load = async (): Promise<Build> => () => ({ mounted: [] });
const auth = defineService({ name: 'auth', port: 1, contract: [Health], load });
const echo = defineService({ name: 'echo', port: 2, contract: [EchoService], calls: { auth: [Health] }, load });
const environment = { DATABASE_URL: 'postgres://u:p@h/d', SIGNET_SERVICE_KEY: '' };

test('adds a key for the address of each called service', () => {
  const { echo: complete } = defineRegistry({ auth, echo });
  const keys: AnyService['keys'] = { authTarget: complete.keys['authTarget' as never] };
  expect(targetOf(readConfig(keys, environment), 'auth')).toBe('localhost:1');
  expect(targetOf(readConfig(keys, { SIGNET_AUTH_TARGET: 'dns:///auth:9' }), 'auth')).toBe('dns:///auth:9');
});

test.each<[string, Record<string, AnyService>, string]>([
  ['calls an unknown service', { echo }, 'echo calls auth, which is not a service with a gRPC port'],
  [
    'calls a protobuf service that the other does not serve',
    { auth: { ...auth, contract: [] }, echo },
    'echo calls grpc.health.v1.Health, which auth does not serve',
  ],
  ['has the port of another', { auth, echo: { ...echo, ports: auth.ports } }, 'auth and echo both have the port 1'],
  [
    'serves the same protobuf service as another',
    { auth, echo: { ...echo, contract: [Health] } },
    'auth and echo both have grpc.health.v1.Health',
  ],
  ['is registered under another name', { auth, other: echo }, 'echo is registered as other'],
])('refuses a service that %s', (_, definitions, fault) => {
  expect(() => defineRegistry(definitions)).toThrow(fault);
});

test.each([
  ['name', { host: key('SIGNET_ECHO_HOST', text, { default: 'x', doc: 'x' }) }],
  ['variable', { mine: key('SIGNET_HOST', text, { default: 'x', doc: 'x' }) }],
])('rejects a key with the %s of a key that every service has', (_, keys) => {
  expect(() => defineService({ name: 'echo', port: 2, contract: [], keys, load })).toThrow('has the key');
});

test('<SERVICE>_DATABASE_URL is the DATABASE_URL of that service only', () => {
  const given = { DATABASE_URL: 'postgres://all', ECHO_DATABASE_URL: 'postgres://echo' };
  expect(environmentFor('echo', given)['DATABASE_URL']).toBe('postgres://echo');
  expect(environmentFor('auth', given)['DATABASE_URL']).toBe('postgres://all');
});
