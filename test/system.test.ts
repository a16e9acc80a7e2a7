import { expect, test } from 'vitest';
import { openSystem } from './system.ts';

test.each(['one process', 'fleet'] as const)(
  'a service that a test does not ask for is unavailable (%s)',
  async (shape) => {
    const system = await openSystem({ services: [], shape });
    const { access } = await system.person();
    const { status, json } = await system.rest('GET', '/users/profile', { token: access });
    expect([status, json.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(Object.keys(system.targets)).toEqual(['auth']);
    await system.close();
  },
);
