// A process that charges or refunds the order of ORDER (JSON), and kills itself at POINT.
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { openLedger } from '../clients/sandbox/ledger.ts';
import { createSandbox } from '../clients/sandbox/sandbox.ts';
import { createWebhooks } from '../clients/sandbox/webhooks.ts';
import type { Provider } from '../domain/provider.ts';
import { createPayments } from '../payments.ts';
import { orderCharge } from './rig.ts';

const { DATABASE_URL: url = '', POINT: point = '', ORDER_ID: orderId = '', USER_ID: userId = '' } = process.env;
const { PAYMENT_ID: id = '', REFUND_ID: refundId = '' } = process.env;
const timeout = 500;

/** Kills the process, and never resolves: no line after it runs. */
async function dieAt(here: string): Promise<void> {
  if (here !== point) return;
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
}

const database = openDatabase({ url: new Secret(url), applicationName: 'payment-killed', log: silentLog });
const db = database.statements;
const webhooks = createWebhooks(async () => undefined);
const sandbox = createSandbox({ ledger: await openLedger(db), webhooks, timeout });
const provider: Provider = {
  ...sandbox,
  async charge(charge, signal) {
    await dieAt('before the charge');
    const outcome = await sandbox.charge(charge, signal);
    await dieAt('after the charge');
    return outcome;
  },
  async refund(refund, signal) {
    await dieAt('before the refund');
    const outcome = await sandbox.refund(refund, signal);
    await dieAt('after the refund');
    return outcome;
  },
};
const { charges, refunds } = createPayments({ db, provider, timeout, now: database.clock.now, log: silentLog });
await charges.chargeOrder(orderCharge('pm_card_ok', { orderId, userId }), id);
await dieAt('after its outcome was recorded');
await refunds.refundOrder(orderId, { id: refundId, tombstoneId: refundId, reason: '' });
await dieAt('after the refund was recorded');
