import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { isLeftOut, leftOut } from '#kit/testing/programs.ts';
import { type Place, startAll, type System } from '../../bench/server/systems.ts';
import { openTree } from '../../bench/server/tree.ts';
import { servicesWithData } from '../../services/registry.ts';
import { ask } from '../system.ts';

// Processes of a former release on a database that this tree migrates.

const tag = 'v0.1.0';
const isThere = spawnSync('git', ['rev-parse', '--verify', '--quiet', `${tag}^{commit}`]).status === 0;
const title = isThere ? tag : leftOut(tag, `the repository has no tag ${tag}`);
const password = 'correct horse battery';

// oxlint-disable-next-line vitest/valid-title -- a string: the name of the tag, or why it is left out
describe.skipIf(isLeftOut(title))(title, () => {
  let database: FreshDatabase;
  let system: System;
  let place: Place;
  const closing: (() => unknown)[] = [];
  beforeAll(async () => {
    database = await emptyDatabase();
    closing.push(() => database.drop());
    const dir = await mkdtemp(path.join(tmpdir(), 'signet-old-'));
    closing.push(() => rm(dir, { recursive: true, force: true }));
    const tree = await openTree(tag, (remove) => void closing.push(remove));
    const environment = {
      DATABASE_URL: database.url.reveal(),
      SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
      SIGNET_ADMIN_PASSWORD: randomBytes(18).toString('base64url'),
    };
    place = { dir, database: 'old', environment, tree };
    system = await startAll(place, 'warn');
  });
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  const call = (method: string, to: string, body?: object, token?: string) =>
    ask(`${system.edge}/api/v1${to}`, method, {
      ...(body === undefined ? {} : { body }),
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });

  /** Registers, signs in, and so on. Returns the statuses. */
  async function story(name: string): Promise<number[]> {
    const email = `${name}@example.com`;
    const registered = await call('POST', '/auth/register', { email, password, name });
    const first = await call('POST', '/auth/login', { email, password });
    const read = await call('GET', '/users/profile', undefined, first.json.access_token);
    const changed = await call('PATCH', '/users/profile', { name: 'Ada' }, first.json.access_token);
    const next = await call('POST', '/auth/refresh', { refresh_token: first.json.refresh_token });
    const ended = await call('POST', '/auth/logout', { refresh_token: next.json.refresh_token });
    const late = await call('POST', '/auth/refresh', { refresh_token: next.json.refresh_token });
    return [registered, first, read, changed, next, ended, late].map(({ status }) => status);
  }
  const done = [201, 200, 200, 200, 200, 200, 401];

  test('a process that runs while the database is migrated serves on, and does not start again', async () => {
    expect(await story('before')).toEqual(done);
    for (const { name } of servicesWithData) {
      await migrate({ url: database.url, log: silentLog, ...migrationsOf(name) });
    }
    expect(await story('after')).toEqual(done);
    await system.stop();
    await expect(startAll(place, 'warn')).rejects.toThrow('this code is older than the database');
  });
});
