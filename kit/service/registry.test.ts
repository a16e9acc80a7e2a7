import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { UserDeletedSchema, UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
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

const producer = defineService({ name: 'auth', port: 1, contract: [Health], produces: [UserDeletedSchema], load });
const consumer = defineService({
  name: 'user',
  port: 2,
  contract: [EchoService],
  calls: { auth: [Health] },
  consumes: { auth: [UserDeletedSchema] },
  load,
});

test('a producer serves EventService, and a consumer calls it beside what else it calls', () => {
  const { auth: serving, user } = defineRegistry({ auth: producer, user: consumer });
  expect(serving.contract).toEqual([Health, EventService]);
  expect(user.calls).toEqual({ auth: [Health, EventService] });
  expect(user.contract).toEqual([EchoService]);
  expect(user.keys).toHaveProperty('authTarget');
});

test('services may all serve EventService, each over the events that it produces', () => {
  const other = defineService({ name: 'order', port: 3, contract: [], produces: [UserRegisteredSchema], load });
  expect(() => defineRegistry({ auth: producer, order: other, user: consumer })).not.toThrow();
});

test('a consumer gets a key for where it reaches a producer that it does not call otherwise', () => {
  const apart = defineService({ ...consumer, port: 2, calls: {}, keys: {}, load });
  const { user } = defineRegistry({ auth: producer, user: apart });
  expect(user.calls).toEqual({ auth: [EventService] });
  expect(user.keys).toHaveProperty('authTarget');
});

test.each<[string, Record<string, AnyService>, string]>([
  [
    'consumes what its producer does not produce',
    { auth: { ...producer, produces: [UserRegisteredSchema] }, user: consumer },
    'user consumes user.deleted, which auth does not produce',
  ],
  ['consumes from a service that is not there', { user: consumer }, 'user consumes user.deleted, which auth does not'],
  [
    'is not among the listeners of what it consumes',
    {
      auth: { ...producer, produces: [UserDeletedSchema, UserRegisteredSchema] },
      other: { ...consumer, name: 'other', ports: {}, consumes: { auth: [UserRegisteredSchema] } },
    },
    'other consumes user.registered, whose listeners do not name it',
  ],
  [
    'is no caller of EventService',
    { auth: producer, other: { ...consumer, name: 'other' } },
    'other consumes events and is no caller of EventService.Watch',
  ],
  [
    'produces what another produces',
    { auth: producer, order: { ...producer, name: 'order', ports: {} } },
    'auth and order both produce user.deleted',
  ],
  [
    'produces without serving EventService',
    { auth: { ...producer, contract: [Health] } },
    'auth produces without EventService',
  ],
  [
    'serves EventService and produces nothing',
    { auth: { ...producer, produces: [] } },
    'auth serves EventService and produces nothing',
  ],
])('a service that %s does not start', (_, definitions, fault) => {
  expect(() => defineRegistry(definitions)).toThrow(fault);
});
