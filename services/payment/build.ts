import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { serveEvents } from '#kit/events/serve.ts';
import { createIdempotency } from '#kit/idempotency/idempotency.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { paymentHandler } from './handler/payment.ts';
import { createPayments } from './payments.ts';
import { providers } from './provider.ts';
import { payment } from './service.ts';
import { anonymize } from './store/erasure.ts';

/** Wires the payment service. */
export async function build({
  database,
  config,
  to,
  log,
  metrics,
}: ServiceDeps<typeof payment>): Promise<BuiltService> {
  const { statements: db } = database;
  const timeout = config.providerTimeout;
  const { provider, work } = await providers[config.provider]({
    db,
    mayCreate: config.migrate,
    timeout,
    isProduction: config.environment === 'production',
    log,
    deliver: async (body, signature) => payments.due.wake(provider.receive(body, signature).key),
  });
  const payments = createPayments({ db, provider, timeout, now: database.clock.now, log });
  const keys = createIdempotency({ db, schema: payment.name });
  const erasure = createErasure({
    service: payment.name,
    db,
    auth: to('auth'),
    async erase(userIds, tx) {
      await anonymize(tx, userIds);
      await keys.erase(tx, userIds);
    },
    log,
  });
  const { charges, refunds, store } = payments;
  return {
    mounted: [mount(PaymentService, paymentHandler({ charges, refunds, payments: store, keys }))],
    work: [payments.work, keys.work, erasure.work, ...work],
    followers: [erasure.follow(metrics)],
    events: serveEvents({
      db,
      schema: payment.name,
      produces: payment.produces,
      keep: config.eventsRetention,
    }),
  };
}
