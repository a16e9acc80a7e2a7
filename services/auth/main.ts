import { readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { poolOptions } from '#kit/db/configured.ts';
import { openDatabase } from '#kit/db/database.ts';
import { runProcess } from '#kit/process/run.ts';
import { processLog } from '#kit/service/process-log.ts';
import { isSupervised } from '#kit/process/supervisor.ts';
import { prepareDatabase } from '#kit/service/own-database.ts';
import { environmentFor } from '#kit/service/registry.ts';
import { openTelemetry } from '#kit/telemetry/telemetry.ts';
import { adminLine, createAdminNotice } from '#kit/process/admin-notice.ts';
import { buildAuth } from './build.ts';
import { keys } from './config.ts';
import { openAuth } from './open.ts';

await runProcess(async (closing) => {
  const environment = readEnvironment();
  const config = readConfig(keys, environmentFor('auth', environment));
  const log = processLog(config).child({ service: 'auth' });
  const metrics = (await openTelemetry(config, 'auth', log, closing)).of('auth');
  await prepareDatabase('auth', config, environment, log);
  const database = openDatabase({
    ...poolOptions(config),
    applicationName: 'signet-auth',
    log,
    metrics,
  });
  closing.add(() => database.close());
  const auth = await buildAuth({ config, database, log, metrics, draining: closing.draining });
  closing.add(() => auth.close());
  const notice = createAdminNotice(closing);
  const made = await auth.ensureFirstAdmin();
  // A supervisor prints it when all services run.
  if (isSupervised()) notice.take(made);
  else if (made?.password) process.stdout.write(adminLine(made.email, made.password.reveal()));
  const { door, grpc } = await openAuth(auth, config, metrics, closing);
  const admin = notice.show();
  log.info({ port: door.port, grpc_port: grpc.port }, 'auth is ready');
  const ports = { [keys.port.env]: door.port, [keys.grpcPort.env]: grpc.port };
  return admin ? { ports, firstAdmin: { email: admin.email, password: admin.password?.reveal() } } : { ports };
});
