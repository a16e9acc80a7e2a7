// A consumer in its own process, for tests that kill it.
import { setTimeout } from 'node:timers/promises';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { followEffects, writeEffects } from './follow-effects.ts';
import { withCaller } from './with-caller.ts';

const { DATABASE_URL: url = '', TARGET: target = '', TOKEN: token = '' } = process.env;
const database = openDatabase({ url: new Secret(url), applicationName: 'events-follower', log: silentLog });
const channel = createGrpcTransport(target, [EventService]);
const db = database.statements;
followEffects(db, withCaller(channel, token), {
  async apply(events, tx) {
    // In the middle of the page, too: a kill must find the process between two effects.
    const half = Math.ceil(events.length / 2);
    await writeEffects(events.slice(0, half), tx);
    await setTimeout(Math.random() * 10);
    await writeEffects(events.slice(half), tx);
  },
});
