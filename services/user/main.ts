import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { openDatabase } from '#kit/db/database.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import { processLog, runProcess } from '#kit/process/run.ts';
import { linkToAuth } from '#kit/rpc/auth-link.ts';
import { guardFor } from '#kit/rpc/guard-for.ts';
import { buildUser } from './build.ts';
import { keys } from './config.ts';
import { openUser } from './open.ts';

await runProcess(async (closing) => {
  const config = readConfig(keys, readEnvironment());
  const log = processLog(config).child({ service: 'user' });
  await migrate({ url: config.databaseUrl, ...migrationsOf('user'), log });
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'signet-user', log });
  closing.add(() => database.close());
  const auth = linkToAuth('user', config, [AccountService, AuthService]);
  closing.add(() => auth.close());
  const guard = guardFor(config, { keys: remoteJwks({ url: config.jwksUrl }), revocations: auth.revocations });
  closing.add(() => guard.close());
  const user = buildUser({ database, guard, auth: auth.transport, config, log });
  const { port } = await openUser(user, config, closing);
  log.info({ port }, 'user is ready');
});
