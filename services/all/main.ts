import path from 'node:path';
import { readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { lockDataDir } from '#kit/db/lock.ts';
import { createProgress } from '#kit/process/progress.ts';
import { processLog, runProcess } from '#kit/process/run.ts';
import { openTelemetry } from '#kit/telemetry/telemetry.ts';
import { banner } from './banner.ts';
import { keys } from './config.ts';
import { masterKeyOf } from './master-key-file.ts';
import { migrateAll, openAll, readAll, unknownKeys } from './open.ts';

await runProcess(async (closing) => {
  const environment = readEnvironment();
  const configsWith = (url: string, masterKey: string) =>
    readAll({ ...environment, DATABASE_URL: url, SIGNET_MASTER_KEY: masterKey });
  // Bad keys are told before anything starts. For the two that may be made below, something stands in.
  configsWith(
    environment['DATABASE_URL'] || 'postgres://embedded',
    environment['SIGNET_MASTER_KEY'] || Buffer.alloc(32).toString('base64'),
  );
  const config = readConfig(keys, environment);
  const { dataDir: relative, databaseUrl } = config;
  const log = processLog(config);
  const dataDir = path.resolve(relative);
  for (const name of unknownKeys(environment)) {
    process.stderr.write(
      `signet: ${name} is not a key that anything reads; docs/configuration.md lists those that are\n`,
    );
  }
  const step = createProgress();

  const lock = lockDataDir(dataDir);
  closing.add(() => lock.release());
  const metrics = await openTelemetry(config, 'all', log, closing);
  const masterKey = environment['SIGNET_MASTER_KEY'] || (await masterKeyOf(dataDir));
  const database = await step(
    'database',
    async () => {
      if (databaseUrl) return { url: databaseUrl, said: 'the one of DATABASE_URL' };
      const server = await startEmbedded({ dataDir, log });
      closing.add(() => server.stop(), server.interrupt);
      return { url: server.url(), said: server.reused ? 'PostgreSQL, running already' : 'PostgreSQL' };
    },
    ({ said }) => said,
  );

  const configs = configsWith(database.url.reveal(), masterKey);
  await step(
    'migrations',
    () => migrateAll(configs, log),
    (applied) => (applied.length > 0 ? `${applied.length} applied` : 'up to date'),
  );
  const all = await step(
    'services',
    () => openAll(configs, log, closing, { metrics, mailFolder: path.join(dataDir, 'mail') }),
    () => 'auth, user, edge',
  );
  process.stdout.write(banner(all, configs, await all.auth.ensureFirstAdmin()));
});
