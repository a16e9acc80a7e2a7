import { expect, test } from 'vitest';
import { kubernetesSecrets } from './secrets.ts';
import { exampleEnvironment } from './testing.ts';

test('Secrets for an external database keep its parameters, and a service may have its own', () => {
  const environment = {
    ...exampleEnvironment(),
    DATABASE_URL: 'postgres://admin:secret@db.internal:6432/signet?sslmode=verify-full',
    DATABASE_DIRECT_URL: 'postgres://admin:secret@db.internal:5432/signet',
    RIDE_DATABASE_URL: 'postgres://me:mine@other/rides',
  };
  const secrets = new Map(kubernetesSecrets(environment).map((one) => [one.metadata.name, one['stringData']]));
  expect(secrets.has('signet-postgres')).toBe(false);
  expect(secrets.get('signet-edge')).not.toHaveProperty('REDIS_URL');
  expect(secrets.get('signet-roles')).toMatchObject({ DATABASE_URL: environment.DATABASE_URL });
  expect(secrets.get('signet-order')).toMatchObject({
    DATABASE_URL: expect.stringMatching(
      /^postgres:\/\/signet_order:\w+@db.internal:6432\/signet\?sslmode=verify-full$/,
    ),
    DATABASE_DIRECT_URL: expect.stringMatching(/^postgres:\/\/signet_order:\w+@db.internal:5432\/signet$/),
  });
  expect(secrets.get('signet-ride')).toMatchObject({ DATABASE_URL: environment.RIDE_DATABASE_URL });
  expect(secrets.get('signet-ride')).not.toHaveProperty('DATABASE_DIRECT_URL');
});

test('names all variables that are missing, and no value', () => {
  const { SIGNET_MASTER_KEY: _, SIGNET_SERVICE_KEY_USER: __, SIGNET_SERVICES: ___, ...rest } = exampleEnvironment();
  expect(() => kubernetesSecrets(rest)).toThrow(
    'not set: SIGNET_MASTER_KEY, SIGNET_SERVICES, SIGNET_SERVICE_KEY_USER. Run: npm run --silent compose:env >> .env',
  );
  expect(() => kubernetesSecrets({})).toThrow('not set: POSTGRES_PASSWORD, AUTH_DATABASE_PASSWORD');
});

test('a URL that is none is named, without its value', () => {
  const environment = { ...exampleEnvironment(), DATABASE_URL: 'postgres://admin:hunter2@' };
  expect(() => kubernetesSecrets(environment)).toThrow(/^DATABASE_URL is not a URL$/);
});

test('a password may have characters with a meaning in URLs', () => {
  const environment = { ...exampleEnvironment(), POSTGRES_PASSWORD: 'a#b@c/d', USER_DATABASE_PASSWORD: 'e?f:g' };
  const secrets = new Map(kubernetesSecrets(environment).map((one) => [one.metadata.name, one['stringData']]));
  expect(secrets.get('signet-postgres')).toEqual({ POSTGRES_PASSWORD: 'a#b@c/d' });
  expect(secrets.get('signet-roles')).toMatchObject({
    DATABASE_URL: 'postgres://signet:a%23b%40c%2Fd@postgres:5432/signet',
  });
  expect(secrets.get('signet-user')).toMatchObject({
    DATABASE_URL: 'postgres://signet_user:e%3Ff%3Ag@postgres:5432/signet',
  });
});
