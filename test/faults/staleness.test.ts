import { afterAll, beforeAll, describe, test } from 'vitest';
import { openTcpProxy } from '#kit/testing/tcp-proxy.ts';
import { openSplitEdge } from '../attacks/rig.ts';
import { ask, openSystem, type System } from '../system.ts';

// An edge with a faulty connection to the auth service.

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

describe.concurrent('with the revocation stream', () => {
  test.for(['cut', 'half-open'] as const)(
    '%s, a method with max_staleness is refused after that time, other methods succeed, and both recover',
    { timeout: 40_000 },
    async (mode, { expect }) => {
      const proxy = await openTcpProxy(system.authGrpcPort);
      const split = await openSplitEdge(system, proxy.port);
      const [ada, eve] = await Promise.all([system.person(), system.person()]);
      const at = (method: string, path: string, token: string) => ask(`${split.edge}/api/v1${path}`, method, { token });
      const profile = async (token = ada.access) => (await at('GET', '/users/profile', token)).status;
      const remove = async (token = ada.access) => {
        const { status, json } = await at('DELETE', '/users/account', token);
        return status === 204 ? 'OK' : (json.code as string);
      };
      expect(await profile()).toBe(200);
      // The user service deletes the account and has a working connection to auth. So only the edge can refuse.
      expect(await remove(eve.access)).toBe('OK');

      proxy.be(mode);
      const since = performance.now();
      const isOver = () => performance.now() - since > 5_200;
      await expect.poll(isOver).toBe(true);
      expect(await remove()).toBe('REVOCATIONS_STALE');
      expect((await at('DELETE', `/admin/users/${ada.id}/roles/user`, ada.access)).json.code).toBe(
        'INSUFFICIENT_SCOPE',
      );
      expect(await profile()).toBe(200);

      const connections = proxy.connections;
      proxy.be('passing');
      await expect.poll(() => remove(), { interval: 20 }).toBe('OK');
      expect(proxy.connections).toBeGreaterThan(connections);
      await expect.poll(() => profile(), { interval: 10 }).toBe(401);
      await split.close();
      await proxy.close();
    },
  );
});
