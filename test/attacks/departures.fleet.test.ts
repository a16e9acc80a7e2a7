import pLimit from 'p-limit';
import { expect, onTestFinished, test } from 'vitest';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { SessionService } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { startFleet } from '../processes.ts';
import { ask } from '../system.ts';
import { publicPortSenders, type Behavior } from './departures/requests.ts';
import { portOf } from './wire.ts';

const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

/** Methods that call another process, with their messages. */
const methods = [
  [AuthService.method.getJwks, {}],
  [AuthService.method.login, credentials],
  [AuthService.method.verify, {}],
  [SessionService.method.listSessions, {}],
  [UserService.method.getProfile, {}],
  [UserService.method.updateProfile, { bio: 'here and gone' }],
  [Health.method.watch, {}],
] as const;

const behaviors: readonly Behavior[] = [
  ...[0, 1, 2, 3, 5, 8, 12, 20].map((deadline) => ({ deadline })),
  ...[0, 2, 5, 10, 20, 40].map((leavesAfter) => ({ leavesAfter })),
  { deadline: 2, bodyAfter: 12 },
];

test('every process of a fleet survives clients of the edge that disconnect', async () => {
  const database = await freshDatabase();
  const fleet = await startFleet(database);
  onTestFinished(async () => {
    // Each process must exit on SIGTERM and not before: close expects exit code 0.
    await fleet.close();
    await database.drop();
  });
  const api = `${fleet.edge}/api/v1`;
  await ask(`${api}/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  const signIn = async () => {
    const { json } = await ask(`${api}/auth/login`, 'POST', { body: credentials });
    return fleet.secret(json.access_token);
  };
  const token = await signIn();
  const senders = publicPortSenders('the edge', portOf(fleet.edge), []);
  const limit = pLimit(12);
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      methods.flatMap(([method, message]) =>
        senders
          .filter((sender) => sender.carries(method))
          .flatMap((sender) => behaviors.map((behavior) => limit(() => sender.send(method, message, token, behavior)))),
      ),
    );
  }
  for (const sender of senders) sender.close();
  // The sign-ins of these calls ended the first session.
  const profile = await ask(`${api}/users/profile`, 'GET', { token: await signIn() });
  expect([profile.status, (await ask(`${fleet.edge}/health`, 'GET')).status]).toEqual([200, 200]);
  const errors = Object.values(fleet.processes).flatMap((one) =>
    one
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":50')),
  );
  expect(errors).toEqual([]);
});
