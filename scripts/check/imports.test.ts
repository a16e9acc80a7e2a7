import { expect, test } from 'vitest';
import { faultOf, followed, importsOf } from './imports.ts';
import { cycleIn, isOnlyReexports, placeOf, reexportsOf } from './rooms.ts';

test('finds imports of every kind, including types and side effects', () => {
  const text = `
    import a from './a.ts';
    import type { B } from "../store/b.ts";
    import './effect.ts';
    export { c } from '#kit/c.ts';
    const d = await import('#gen/prisma/d.ts');
    import {
      e,
    } from 'pg';`;
  expect(importsOf('services/user/domain/x.ts', text).map(({ to }) => to)).toEqual([
    'services/user/domain/a.ts',
    'services/user/store/b.ts',
    'services/user/domain/effect.ts',
    'kit/c.ts',
    'gen/prisma/d.ts',
    'pg',
  ]);
});

test.each([
  ['services/user/build.ts', 'services/auth/build.ts', 'a service imports another'],
  ['services/user/build.test.ts', 'services/auth/build.ts', 'a service imports another'],
  ['services/user/build.ts', 'services/all/open.ts', 'a service imports another'],
  ['cli/commands/config.ts', 'scripts/docs.ts', 'the image does not have the import'],
  ['kit/db/embedded.ts', 'kit/testing/postgres.ts', 'the image does not have the import'],
  ['services/catalog/build.ts', 'services/catalog/testing.ts', 'the image does not have the import'],
  ['services/user/build.ts', 'services/fleet/open.ts', 'a service imports another'],
  ['services/fleet/open.ts', 'services/auth/build.ts', 'a service imports another'],
  ['services/all/open.ts', 'services/fleet/open.ts', 'services/all imports services/fleet'],
  ['kit/call/app.ts', 'services/auth/build.ts', 'the kit imports a service'],
  ['kit/guard/guard.ts', 'kit/errors/failure.ts', 'the guard imports a file outside'],
  ['services/user/domain/a.ts', 'services/user/store/b.ts', 'rules import'],
  ['services/user/domain/a.ts', 'services/user/handler/b.ts', 'rules import'],
  ['services/user/domain/a.ts', 'services/user/clients/b.ts', 'rules import'],
  ['services/user/domain/a.ts', 'gen/prisma/user/client.ts', 'rules import'],
  ['services/user/domain/a.ts', 'fastify', 'rules import'],
  ['services/user/domain/a.ts', 'pg', 'rules import'],
  ['services/user/domain/a.ts', 'node:fs/promises', 'rules import'],
  ['services/user/domain/a.ts', 'kit/db/database.ts', 'rules import'],
  ['services/user/domain/a.ts', 'pino', 'rules import'],
  ['cli/commands/users.ts', 'services/auth/users/store.ts', 'the command line imports'],
  ['services/user/handler/a.ts', 'services/user/store/b.ts', 'a handler imports a store'],
  ['services/user/store/a.ts', 'services/user/handler/b.ts', 'a store imports a handler'],
  ['services/user/store/a.ts', 'kit/call/call.ts', 'a store imports the current call'],
  ['services/auth/keys/handler.ts', 'services/auth/keys/store.ts', 'a handler imports a store'],
  ['services/auth/keys/handler/a.ts', 'services/auth/keys/store/b.ts', 'a handler imports a store'],
  ['services/auth/keys/rules.ts', 'services/auth/keys/store.ts', 'rules import'],
  ['services/auth/keys/rules/a.ts', 'services/auth/keys/clients/b.ts', 'rules import'],
  ['services/auth/keys/rules/a.ts', 'services/auth/config.ts', 'rules import'],
  ['services/auth/keys/rules/a.ts', 'services/auth/roles/public.ts', 'rules import'],
  ['services/auth/keys/rules/a.ts', 'kit/call/call.ts', 'rules import'],
  ['services/auth/keys/rules/a.ts', 'gen/proto/signet/auth/v1/key_service_pb.ts', 'rules import'],
  ['services/auth/keys/rules.ts', 'services/auth/roles/rules.ts', "other than the room's public.ts"],
  ['services/auth/keys/store.ts', 'services/auth/roles/store.ts', "other than the room's public.ts"],
  ['services/auth/keys/build.ts', 'services/auth/roles/build.ts', "other than the room's public.ts"],
  ['services/auth/build.ts', 'services/auth/roles/store.ts', "other than the room's public.ts"],
  ['services/auth/keys/store.ts', 'services/auth/config.ts', 'other than its build.ts'],
  ['services/all/main.ts', 'cli/main.ts', 'imports the command line'],
])('rejects an import from %s to %s', (from, to, fault) => {
  expect(faultOf({ from, to })).toContain(fault);
});

test.each([
  ['services/all.ts', 'services/auth/build.ts'],
  ['services/all/open.ts', 'services/auth/build.ts'],
  ['services/fleet/open.ts', 'services/registry.ts'],
  ['services/user/main.ts', 'services/registry.ts'],
  ['cli/commands/db.ts', 'services/registry.ts'],
  ['cli/commands/config.ts', 'services/keys.ts'],
  ['services/fleet/child.ts', 'scripts/node-flags.mjs'],
  ['services/catalog/testing.ts', 'kit/testing/postgres.ts'],
  ['services/fleet/open.ts', 'services/auth/config.ts'],
  ['services/user/build.ts', 'services/user/store/b.ts'],
  ['services/user/domain/a.ts', 'kit/errors/failure.ts'],
  ['services/user/domain/a.ts', 'node:crypto'],
  ['services/user/domain/a.test.ts', 'services/user/store/b.ts'],
  ['services/user/store/b.ts', 'gen/prisma/auth/client.ts'],
  ['services/auth/build.ts', 'services/auth/roles/build.ts'],
  ['services/auth/build.ts', 'services/auth/roles/public.ts'],
  ['services/auth/keys/build.ts', 'services/auth/config.ts'],
  ['services/auth/keys/build.ts', 'services/auth/keys/store.ts'],
  ['services/auth/keys/build.ts', 'services/auth/roles/public.ts'],
  ['services/auth/keys/handler.ts', 'services/auth/keys/rules/a.ts'],
  ['services/auth/keys/store.ts', 'services/auth/keys/rules.ts'],
  ['services/auth/keys/rules.test.ts', 'services/auth/roles/store.ts'],
  ['services/user/domain/a.ts', 'services/user/reasons.ts'],
  ['services/auth/keys/rules.ts', 'services/auth/reasons.ts'],
  ['kit/guard/guard.ts', 'gen/proto/signet/policy/v1/policy_pb.ts'],
  ['kit/guard/guard.ts', 'kit/guard/rule.ts'],
  ['kit/guard/guard.test.ts', 'kit/testing/tokens.ts'],
  ['cli/commands/db.ts', 'services/all/config.ts'],
  ['cli/commands/analytics.ts', 'services/analytics/maintenance.ts'],
  ['cli/connect.ts', 'gen/proto/signet/auth/v1/auth_service_pb.ts'],
  ['cli/connect.test.ts', 'test/system.ts'],
])('allows an import from %s to %s', (from, to) => {
  expect(faultOf({ from, to })).toBeUndefined();
});

test('applies the layout rules to names re-exported by public.ts', () => {
  const text = `export { a, type B } from './rules/a.ts';\nexport { c } from './store.ts';`;
  const file = 'services/auth/roles/public.ts';
  const publics = new Map([[file, reexportsOf(importsOf(file, text))]]);
  const faultsOf = (from: string, names: string) =>
    importsOf(from, `import { ${names} } from '../roles/public.ts';`)
      .flatMap((found) => followed(found, publics))
      .map(faultOf);
  expect(faultsOf('services/auth/keys/rules.ts', 'a as b, type B')).toEqual([undefined]);
  expect(faultsOf('services/auth/keys/store.ts', 'a, c')).toEqual([undefined, undefined]);
  expect(faultsOf('services/auth/keys/rules.ts', 'a, c')).toEqual([undefined, expect.stringContaining('rules import')]);
  expect(faultsOf('services/auth/keys/handler.ts', 'c')).toEqual(['a handler imports a store']);
});

test.each([
  ["/** Why. */\nexport { a, type B } from './rules.ts';\nexport type {\n  C,\n} from './store.ts';", true],
  ["export * from './rules.ts';", false],
  ["export { a as b } from './rules.ts';", false],
  ["import { a } from './rules.ts';\nexport { a };", false],
  ['export const a = 1;', false],
])('public.ts may only re-export by name: %j is %s', (text, isGood) => {
  expect(isOnlyReexports(text)).toBe(isGood);
});

test.each([
  ['services/auth/keys/store.states.test.ts', 'store'],
  ['services/auth/keys/rules/a.ts', 'rules'],
  ['services/auth/keys/helpers.ts', 'unknown'],
  ['services/auth/keys/crypto/a.ts', 'unknown'],
  ['services/auth/build.ts', undefined],
  ['services/user/domain/a.ts', 'rules'],
])('the layer of %s is %s', (file, layer) => {
  expect(placeOf(file)?.layer).toBe(layer);
});

test('finds import cycles of kit folders, ignoring tests', () => {
  const step = (from: string, to: string) => ({ from: `kit/${from}.ts`, to: `kit/${to}.ts` });
  expect(cycleIn([step('call/a', 'log/b'), step('service/a', 'call/b'), step('log/b.test', 'call/a')])).toBeUndefined();
  expect(cycleIn([step('call/a', 'log/b'), step('log/c', 'call/d')])).toEqual(['kit/call', 'kit/log', 'kit/call']);
});

test('finds import cycles of two or three rooms', () => {
  const step = (from: string, to: string) => ({
    from: `services/auth/${from}/store.ts`,
    to: `services/auth/${to}/rules.ts`,
    via: `services/auth/${to}/public.ts`,
  });
  expect(cycleIn([step('a', 'b'), step('a', 'c'), step('b', 'c'), step('d', 'a')])).toBeUndefined();
  expect(cycleIn([step('x', 'a'), step('a', 'b'), step('b', 'a')])).toEqual(['auth/a', 'auth/b', 'auth/a']);
  expect(cycleIn([step('a', 'b'), step('b', 'c'), step('c', 'a')])).toHaveLength(4);
});
