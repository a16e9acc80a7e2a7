import { silentLog } from '#kit/log/log.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { natsProgram, startNats } from '#kit/testing/nats.ts';
import { openBus } from './nats/bus.ts';
import { followSuite } from './testing/follow-suite.ts';

describeWith([natsProgram], 'a consumer that reads from JetStream', () =>
  followSuite(async () => {
    const nats = await startNats();
    const bus = openBus(nats.url, silentLog);
    return {
      bus,
      async close() {
        await bus.close();
        await nats.close();
      },
    };
  }),
);
