import { expect, test } from 'vitest';
import { readConfig } from '#kit/config/config.ts';
import { Secret } from '#kit/log/secret.ts';
import { privateServiceKey } from '#kit/guard/service-key.ts';
import { publicServiceKey } from '#kit/identity/service-key.ts';
import { keys } from '../../services/auth/config.ts';
import { openSystem } from '../../test/system.ts';
import { run } from '../testing/run.ts';

test('generates a new key and a matching SIGNET_SERVICES entry each time', async () => {
  const first = await run(['services', 'keygen', 'reports', '--json']);
  const second = await run(['services', 'keygen', 'reports', '--json']);
  expect([first.exit, second.exit]).toEqual([0, 0]);
  expect(first.json().service_key).not.toBe(second.json().service_key);
  const { name, service_key: key, services_entry: entry } = first.json();
  const { services } = readConfig({ services: keys.services }, { SIGNET_SERVICES: entry });
  expect(services).toMatchObject([{ name, roles: [] }]);
  const half = privateServiceKey(new Secret(key)).export({ format: 'jwk' })['x'];
  expect(publicServiceKey(String(half)).equals(services[0]?.publicKey ?? publicServiceKey(String(half)))).toBe(true);
});

test('prints two lines to copy on standard output, and instructions on standard error', async () => {
  const { stdout, stderr } = await run(['services', 'keygen', 'reports', '--role', 'support', 'auditor']);
  expect(stdout).toMatch(/^SIGNET_SERVICE_KEY=[\w-]{43}\nSIGNET_SERVICES=reports=[\w-]{43}:support\+auditor\n$/);
  expect(stderr).toContain('secret key of reports');
});

test.each(['Reports', 'a b', 'x=y', ''])('refuses the service name %j', async (name) => {
  const { exit, stdout } = await run(['services', 'keygen', name]);
  expect([exit, stdout]).toEqual([2, '']);
});

test('signs a machine in with its key', async () => {
  const { service_key: key, services_entry: entry } = (
    await run(['services', 'keygen', 'reports', '--role', 'admin', '--json'])
  ).json();
  const system = await openSystem({ env: { SIGNET_SERVICES: entry } });
  try {
    const environment = {
      SIGNET_URL: system.edge,
      SIGNET_ISSUER: 'http://localhost:8080',
      SIGNET_SERVICE_NAME: 'reports',
      SIGNET_SERVICE_KEY: system.secret(key),
    };
    const listed = await run(['users', 'list', '--json'], { environment });
    expect([listed.exit, listed.json().users]).toMatchObject([0, [{ email: 'root@example.com' }]]);
    const stranger = await run(['users', 'list'], { environment: { ...environment, SIGNET_SERVICE_NAME: 'edge' } });
    expect([stranger.exit, stranger.stderr]).toEqual([1, expect.stringContaining('(INVALID_CLIENT)')]);
    const other = await run(['users', 'list'], { environment: { ...environment, SIGNET_SERVICE_KEY: 'short' } });
    expect([other.exit, other.stderr]).toEqual([2, expect.stringContaining('SIGNET_SERVICE_KEY must be')]);
  } finally {
    await system.close();
  }
});
