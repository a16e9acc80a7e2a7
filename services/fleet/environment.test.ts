import { expect, test } from 'vitest';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { type Keys, readConfig } from '#kit/config/config.ts';
import { serviceNames, services } from '../registry.ts';
import { environmentOf, keysOf, withKeyPairs } from './environment.ts';

const pairs = { user: generateServiceKey(), edge: generateServiceKey() };
const operators = {
  PATH: '/bin',
  AWS_SECRET_ACCESS_KEY: 'not ours',
  DATABASE_URL: 'postgres://u:p@h/d',
  SIGNET_MASTER_KEY: Buffer.alloc(32).toString('base64'),
  SIGNET_SERVICE_KEY: generateServiceKey().key.reveal(),
  SIGNET_SERVICES: `catalog=${generateServiceKey().publicKey},user=${generateServiceKey().publicKey}`,
  SIGNET_DATA_DIR: '.data',
};
/** The operator's secrets, in files that this process does not read. */
const inFiles = { SIGNET_MASTER_KEY_FILE: '/run/master', SIGNET_SERVICE_KEY_FILE: '/run/key' };
const ports: Record<string, number> = { SIGNET_AUTH_PORT: 1, SIGNET_AUTH_GRPC_PORT: 2, SIGNET_USER_PORT: 3 };
const portOf = async (env: string) => ports[env] ?? NaN;
const of = (name: (typeof serviceNames)[number], environment: Record<string, string> = operators) =>
  environmentOf(name, withKeyPairs(environment, pairs), { pairs, portOf, metricsPort: 9464 });

test.each(serviceNames)('%s receives exactly the variables that it reads, and they suffice', async (name) => {
  const given = await of(name);
  const foreign = Object.keys(given).filter((env) => !keysOf(name).has(env));
  expect(foreign).toEqual(['PATH']);
  expect(() => readConfig(services[name].keys as Keys, given)).not.toThrow();
});

test('the edge receives no database; only auth receives the master key', async () => {
  const edge = await of('edge');
  const user = await of('user');
  expect(Object.keys(edge)).not.toContain('DATABASE_URL');
  for (const given of [edge, user]) expect(JSON.stringify(given)).not.toContain(operators.SIGNET_MASTER_KEY);
  expect(edge['SIGNET_SERVICE_KEY']).toBe(pairs.edge.key.reveal());
  expect(JSON.stringify(edge)).not.toContain(pairs.user.key.reveal());
});

test('a process receives the path of its own secrets only, and of no key that the fleet replaces', async () => {
  const { SIGNET_MASTER_KEY: _, ...others } = operators;
  expect(await of('auth', { ...others, ...inFiles })).toMatchObject({ SIGNET_MASTER_KEY_FILE: '/run/master' });
  const user = await of('user', { ...others, ...inFiles });
  expect(Object.keys(user).filter((env) => env.endsWith('_FILE'))).toEqual([]);
});

test('derives targets from the ports, unless the operator sets them', async () => {
  expect(await of('edge')).toMatchObject({
    SIGNET_AUTH_TARGET: '127.0.0.1:2',
    SIGNET_JWKS_URL: 'http://127.0.0.1:1/.well-known/jwks.json',
    SIGNET_USER_TARGET: '127.0.0.1:3',
  });
  const elsewhere = { ...operators, SIGNET_USER_TARGET: 'dns:///user:8082', SIGNET_HOST: '::' };
  expect(await of('edge', elsewhere)).toMatchObject({
    SIGNET_AUTH_TARGET: '[::1]:2',
    SIGNET_USER_TARGET: 'dns:///user:8082',
  });
});

test('assigns consecutive metrics ports, the first to the edge', async () => {
  const given = await Promise.all((['edge', 'auth', 'user'] as const).map((name) => of(name)));
  expect(given.map((one) => one['SIGNET_METRICS_PORT'])).toEqual(['9464', '9465', '9466']);
});

test('SIGNET_SERVICES has the keys of the run and the operator’s entries of other services', () => {
  const { SIGNET_SERVICES: known } = withKeyPairs(operators, pairs);
  const [catalog] = operators.SIGNET_SERVICES.split(',');
  expect(known).toBe(`${catalog},user=${pairs.user.publicKey},edge=${pairs.edge.publicKey}`);
});

test('only the edge receives a certificate: the others read the public keys at auth’s door by an address', async () => {
  const given = { ...operators, SIGNET_TLS_CERT: '/run/cert.pem', SIGNET_TLS_KEY: '/run/key.pem' };
  const withTls = await Promise.all(
    serviceNames.map(async (name) => [name, 'SIGNET_TLS_CERT' in (await of(name, given))]),
  );
  expect(withTls.filter(([, has]) => has)).toEqual([['edge', true]]);
  expect(await of('edge', given)).toMatchObject({
    SIGNET_TLS_KEY: '/run/key.pem',
    SIGNET_JWKS_URL: 'http://127.0.0.1:1/.well-known/jwks.json',
  });
});
