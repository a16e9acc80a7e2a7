import { expect, test } from 'vitest';
import { faultOf, importsOf } from './imports.ts';

test('finds imports of every kind, types and side effects included', () => {
  const text = `
    import a from './a.ts';
    import type { B } from "../store/b.ts";
    import './effect.ts';
    export { c } from '#kit/c.ts';
    const d = await import('#gen/prisma/d.ts');
    import {
      e,
    } from 'pg';`;
  expect(importsOf('services/auth/domain/x.ts', text).map(({ to }) => to)).toEqual([
    'services/auth/domain/a.ts',
    'services/auth/store/b.ts',
    'services/auth/domain/effect.ts',
    'kit/c.ts',
    'gen/prisma/d.ts',
    'pg',
  ]);
});

test.each([
  ['services/user/build.ts', 'services/auth/build.ts', 'a service imports another'],
  ['services/user/build.test.ts', 'services/auth/build.ts', 'a service imports another'],
  ['services/user/build.ts', 'services/all/open.ts', 'a service imports another'],
  ['services/user/build.ts', 'services/fleet/open.ts', 'a service imports another'],
  ['services/fleet/open.ts', 'services/auth/build.ts', 'a service imports another'],
  ['services/all/open.ts', 'services/fleet/open.ts', 'what runs together imports'],
  ['kit/rpc/app.ts', 'services/auth/build.ts', 'the kit imports a service'],
  ['kit/guard/guard.ts', 'kit/errors/failure.ts', 'the guard imports something of ours'],
  ['services/auth/domain/a.ts', 'services/auth/store/b.ts', 'domain imports'],
  ['services/auth/domain/a.ts', 'services/auth/handler/b.ts', 'domain imports'],
  ['services/auth/domain/a.ts', 'services/auth/clients/b.ts', 'domain imports'],
  ['services/auth/domain/a.ts', 'gen/prisma/auth/client.ts', 'domain imports'],
  ['services/auth/domain/a.ts', 'fastify', 'domain imports'],
  ['services/auth/domain/a.ts', 'pg', 'domain imports'],
  ['services/auth/domain/a.ts', 'node:fs/promises', 'domain imports'],
  ['services/auth/domain/a.ts', 'kit/db/database.ts', 'domain imports'],
  ['services/auth/domain/a.ts', 'pino', 'domain imports'],
  ['cli/commands/users.ts', 'services/auth/store/users.ts', 'the command line imports'],
  ['services/all/main.ts', 'cli/main.ts', 'imports the command line'],
])('refuses that %s imports %s', (from, to, fault) => {
  expect(faultOf({ from, to })).toContain(fault);
});

test.each([
  ['services/all.ts', 'services/auth/build.ts'],
  ['services/all/open.ts', 'services/auth/build.ts'],
  ['services/fleet/open.ts', 'services/registry.ts'],
  ['services/user/main.ts', 'services/registry.ts'],
  ['cli/commands/db.ts', 'services/registry.ts'],
  ['services/fleet/open.ts', 'services/auth/config.ts'],
  ['services/auth/build.ts', 'services/auth/store/b.ts'],
  ['services/auth/domain/a.ts', 'kit/errors/failure.ts'],
  ['services/auth/domain/a.ts', 'services/auth/reasons.ts'],
  ['services/auth/domain/a.ts', 'node:crypto'],
  ['services/auth/domain/a.test.ts', 'services/auth/store/b.ts'],
  ['services/auth/store/b.ts', 'gen/prisma/auth/client.ts'],
  ['kit/guard/guard.ts', 'gen/proto/signet/policy/v1/policy_pb.ts'],
  ['kit/guard/guard.ts', 'kit/guard/rule.ts'],
  ['kit/guard/guard.test.ts', 'kit/testing/tokens.ts'],
  ['cli/commands/db.ts', 'services/all/config.ts'],
  ['cli/connect.ts', 'gen/proto/signet/auth/v1/auth_service_pb.ts'],
  ['cli/connect.test.ts', 'test/system.ts'],
])('allows that %s imports %s', (from, to) => {
  expect(faultOf({ from, to })).toBeUndefined();
});
