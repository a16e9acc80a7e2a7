import { runProcess } from '#kit/process/run.ts';
import { openTelemetry } from '#kit/telemetry/telemetry.ts';
import { createAdminNotice } from '#kit/process/admin-notice.ts';
import { banner } from './banner.ts';
import { openAll, readAll } from './open.ts';
import { prepare } from './prepare.ts';
import { serviceNames } from '../registry.ts';

await runProcess(async (closing) => {
  const { config, configs, log, step } = await prepare(closing, readAll);
  const metrics = await openTelemetry(config, 'all', log, closing);
  const notice = createAdminNotice(closing);
  const all = await step(
    'services',
    () => openAll(configs, log, closing, notice, { metrics }),
    () => serviceNames.join(', '),
  );
  process.stdout.write(banner(all.port, configs, notice.show()));
});
