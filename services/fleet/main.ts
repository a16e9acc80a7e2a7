import { drainTime, runProcess } from '#kit/process/run.ts';
import { banner } from '../all/banner.ts';
import { prepare } from '../all/prepare.ts';
import { serviceNames } from '../registry.ts';
import { createAdminNotice } from '#kit/process/admin-notice.ts';
import { openFleet, readFleet } from './open.ts';

// Services are drained one after the other, then PostgreSQL stops.
const longest = drainTime * (serviceNames.length + 1);

await runProcess(async (closing, fail) => {
  const { config, configs, environment, log, step } = await prepare(closing, readFleet);
  const notice = createAdminNotice(closing);
  const fleet = await step(
    'services',
    () => openFleet({ environment, metricsPort: config.metricsPort, log, closing, fail, notice }),
    () => `${serviceNames.join(', ')}, each in its own process`,
  );
  process.stdout.write(banner(fleet.port, configs, notice.show()));
}, longest);
