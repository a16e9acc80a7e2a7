import { create } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport as overGrpc } from '@connectrpc/connect-node';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { MoneySchema } from '#gen/proto/signet/type/v1/money_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { serviceNames } from '../../services/registry.ts';
import { openRig, type Rig } from './rig.ts';

/** Only the services that sell charge. */
const charging: readonly string[] = ['order', 'ride'];

let rig: Rig;
let direct: Transport & { close(): void };
beforeAll(async () => {
  rig = await openRig();
  direct = createGrpcTransport(rig.targets['payment'] ?? '', [PaymentService]);
});
afterAll(async () => {
  direct.close();
  await rig.close();
});

/** The token of a service of the fleet. */
function caller(name: string): Record<string, string> {
  const { sid: _sid, email: _email, amr: _amr, acr: _acr, auth_time: _time, ...rest } = rig.claims();
  const claims = { ...rest, sub: name, client_id: name, roles: [], scope: '', aud: 'signet:fleet' };
  return { 'x-signet-caller': rig.mint(claims) };
}

const user = (...roles: string[]) => ({ authorization: `Bearer ${rig.mint({ ...rig.claims(), roles })}` });

/** Calls the internal methods. Returns the reason of each failure, or the state of the payment. */
async function charge(transport: Transport, headers: Record<string, string>) {
  const client = createClient(PaymentService, transport);
  const orderId = randomUUID();
  const amount = create(MoneySchema, { currencyCode: 'EUR', units: 1n });
  const calls = [
    () => client.chargeOrder({ orderId, userId: randomUUID(), amount }, { headers }),
    () => client.getOrderPayment({ orderId }, { headers }),
    () => client.refundOrder({ orderId }, { headers }),
  ];
  const seen: (string | undefined)[] = [];
  for (const call of calls) seen.push(await call().then(({ state }) => state, reasonOf));
  return seen;
}

test.each(charging)('the service %s charges, reads and refunds, without a user', async (name) => {
  expect(await charge(direct, caller(name))).toEqual(['succeeded', 'succeeded', 'refunded']);
});

const refused = Array<string>(3).fill('CALLER_NOT_ALLOWED');

describe('at the payment service', () => {
  test.each([...serviceNames.filter((name) => !charging.includes(name)), 'stranger'])(
    'the service %s is refused, also for an admin',
    async (name) => {
      expect(await charge(direct, caller(name))).toEqual(refused);
      expect(await charge(direct, { ...caller(name), ...user('admin') })).toEqual(refused);
    },
  );

  test('a user is refused, whatever the roles', async () => {
    for (const roles of [['user'], ['raider'], ['support'], ['admin']]) {
      expect(await charge(direct, user(...roles))).toEqual(refused);
    }
    expect(await charge(direct, {})).toEqual(refused);
  });

  test('a token of the order service as bearer is refused', async () => {
    const token = caller('order')['x-signet-caller'] ?? '';
    expect(await charge(direct, { authorization: `Bearer ${token}` })).toEqual(refused);
  });
});

test('the edge does not have the methods, also for an admin and with a forged caller', async () => {
  const edge = overGrpc({ baseUrl: rig.edge });
  for (const headers of [user('admin'), { ...user('admin'), ...caller('order') }, {}]) {
    expect(await charge(edge, headers)).toEqual(Array<string>(3).fill('UNIMPLEMENTED'));
  }
});
