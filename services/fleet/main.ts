import { Secret } from '#kit/log/secret.ts';
import { drainTime, runProcess } from '#kit/process/run.ts';
import type { Ready } from '#kit/process/supervisor.ts';
import { banner } from '../all/banner.ts';
import { prepare } from '../all/prepare.ts';
import { serviceNames, services } from '../all/services.ts';
import { openFleet, readFleet } from './open.ts';

// They are drained one after the other, and PostgreSQL after them.
const longest = drainTime * (serviceNames.length + 1);

function showAdmin({ email, password }: NonNullable<Ready['firstAdmin']>): void {
  process.stdout.write(`first admin: ${email}, password: ${password}\n`);
}

await runProcess(async (closing, fail) => {
  const { config, configs, environment, log, step } = await prepare(closing, readFleet);
  const fleet = await step(
    'services',
    () => openFleet({ environment, metricsPort: config.metricsPort, log, closing, fail, showAdmin }),
    () => `${serviceNames.join(', ')}, each a process`,
  );
  const ports = {
    edge: fleet.port(services.edge.port.env),
    auth: fleet.port(services.auth.port.env),
    authGrpc: fleet.port(services.auth.grpcPort.env),
    user: fleet.port(services.user.port.env),
  };
  const admin = fleet.firstAdmin && {
    email: fleet.firstAdmin.email,
    password: fleet.firstAdmin.password === undefined ? undefined : new Secret(fleet.firstAdmin.password),
  };
  process.stdout.write(banner(ports, configs, admin));
}, longest);
